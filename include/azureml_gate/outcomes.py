"""How the gate's part of a drop's story is noted in its ledger."""

from __future__ import annotations

from azureml_drops.ledger import DropEvent, DropStatus, note, now, read_drop
from azureml_gate.decision import DecisionRecord, Verdict, Versioned
from azureml_gate.history import LONGEST_REASON
from azureml_workspace.protocol import Workspace

_STATUSES = {
    Verdict.PROMOTE: DropStatus.PROMOTED,
    Verdict.REJECT: DropStatus.REJECTED,
    Verdict.OLDER: DropStatus.OLDER,
}


def note_decision(workspace: Workspace, decision: DecisionRecord, *, serves: bool = False) -> None:
    """Note a decision by which the drop's story ends. A promotion has to be carried out first, unless the model
    `serves` already.
    """
    status = _STATUSES[decision.verdict]
    request = decision.request
    if serves or status is not DropStatus.PROMOTED:
        note_outcome(
            workspace,
            status,
            dataset=request.drop_dataset,
            key=request.drop_key,
            model=request.challenger,
            document=decision.path,
            reason=decision.reason,
            by=request.by,
        )


def note_outcome(
    workspace: Workspace,
    status: DropStatus,
    *,
    dataset: str,
    key: str,
    model: Versioned,
    document: str = "",
    reason: str = "",
    by: str = "",
) -> None:
    """Note what became of the model of a drop; what was noted already is not noted again. No drop, no note.

    `document` is the path of what it follows from; with `by` it tells one time from another. The event is of the
    content that the model was trained on.
    """
    if not (dataset and key):
        return
    record = read_drop(workspace, dataset, key)
    events = record.events if record else ()
    of_model = [event for event in events if (event.model_name, event.model_version) == (model.name, model.version)]
    if document and any((event.status, event.document, event.by) == (status, document, by) for event in of_model):
        return
    known = of_model or list(events)
    before = known[-1] if known else None
    event = DropEvent(
        status=status,
        at=now(),
        fingerprint=before.fingerprint if before else "",
        dataset_version=before.dataset_version if before else None,
        model_name=model.name,
        model_version=model.version,
        document=document,
        reason=reason[:LONGEST_REASON],
        by=by,
    )
    note(workspace, dataset, key, event)
