"""What a person said to a decision: a document beside it, `decisions/{service}/{decision_id}.approval`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azureml_drops.ledger import DropStatus
from azureml_gate.decision import DecisionRecord
from azureml_gate.outcomes import note_outcome
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record

_ENDING = ".approval"

NOBODY = "nobody in time"
"""Who it was when the time for an answer passed and the default counted."""


@dataclass(frozen=True, kw_only=True)
class Approval(Record):
    """The answer. `by` is the person's name in Airflow; `note` is what they wrote."""

    decision: str
    approved: bool
    by: str
    at: datetime
    note: str = ""

    @property
    def in_words(self) -> str:
        """For a log or a reason."""
        verb = "approved" if self.approved else "rejected"
        return f"{verb} by {self.by}" + (f": {self.note}" if self.note else "")


def approval_path(decision: DecisionRecord) -> str:
    """Where it is kept."""
    return f"{decision.path}{_ENDING}"


def is_approval(path: str) -> bool:
    """Whether a document among a service's decisions is what a person said to one."""
    return path.endswith(_ENDING)


def read_approval(workspace: Workspace, decision: DecisionRecord) -> Approval | None:
    """The answer, None when there is none."""
    found = find_document(workspace, approval_path(decision))
    return None if found is None else Approval.from_dict(found.content)


def record_approval(workspace: Workspace, decision: DecisionRecord, approval: Approval) -> None:
    """Keep the answer, and note a rejection in the ledger. A later one, as of a cleared task, replaces it."""
    update_document(workspace, approval_path(decision), lambda _before: approval.to_dict())
    if approval.approved:
        return
    request = decision.request
    note_outcome(
        workspace,
        DropStatus.REJECTED,
        dataset=request.drop_dataset,
        key=request.drop_key,
        model=request.challenger,
        document=approval_path(decision),
        reason=approval.in_words,
        by=request.by,
    )
