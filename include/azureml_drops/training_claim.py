"""Who trains on which data: `trainings/{dataset}/{training_key}`. One DAG run at most, and once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from azureml_drops.ledger import DropEvent, DropStatus, note_unless, now, read_drop
from azureml_drops.plan import TrainingPlan
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.errors import NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record

IsRunning = Callable[[str], bool | None]
"""Whether the DAG run `dag_id/run_id` is at work still; None when nobody knows."""

_DECIDED = frozenset({DropStatus.OLDER, DropStatus.REJECTED, DropStatus.PROMOTED, DropStatus.ROLLED_BACK})


@dataclass(frozen=True, kw_only=True)
class TrainingClaim(Record):
    """A training and whose it is. `by` is `dag_id/run_id`.

    `fingerprint` and `version` are of the newest drop's content, `drop_key` its key. `plan` is there once the data is
    prepared. `finished_at` and the model are there once a model was made.
    """

    dataset: str
    training_key: str
    drop_key: str
    fingerprint: str
    version: int
    by: str
    at: datetime
    expires_at: datetime
    plan: TrainingPlan | None = None
    finished_at: datetime | None = None
    model_name: str = ""
    model_version: int | None = None

    @property
    def path(self) -> str:
        """Where it is kept."""
        return claim_path(self.dataset, self.training_key)


class ClaimState(StrEnum):
    """What a claim means to who asks."""

    MINE = "mine"  # to be trained by who asks
    BUSY = "busy"  # another DAG run is training
    DONE = "done"  # it was trained, and the gate has decided


def claim_path(dataset: str, training_key: str) -> str:
    """Where the claim of a training is kept."""
    return f"trainings/{dataset}/{training_key}"


def read_claim(workspace: Workspace, dataset: str, training_key: str) -> TrainingClaim | None:
    """The claim, None when nobody ever had one."""
    found = find_document(workspace, claim_path(dataset, training_key))
    return None if found is None else TrainingClaim.from_dict(found.content)


def claim_training(
    workspace: Workspace, wanted: TrainingClaim, is_running: IsRunning = lambda _: None
) -> tuple[ClaimState, TrainingClaim]:
    """Take the training for `wanted.by`, unless it is another's or over. Gives the claim as it is then.

    Another's claim is left alone while its DAG run is at work, or, when that cannot be known, until it expires. What
    was trained and not decided on is taken up again, with its plan.
    """
    states: list[ClaimState] = []

    def change(content: dict[str, Any] | None) -> dict[str, Any] | None:
        claim = None if content is None else TrainingClaim.from_dict(content)
        states[:] = [_state(workspace, claim, wanted, is_running)]
        if states[0] is not ClaimState.MINE:
            return None
        if claim is None:
            return wanted.to_dict()
        return replace(claim, by=wanted.by, at=wanted.at, expires_at=wanted.expires_at).to_dict()

    stored = update_document(workspace, wanted.path, change)
    if stored is None:
        raise AssertionError("the claim was written, or another's was there")
    return states[0], TrainingClaim.from_dict(stored.content)


def keep_plan(workspace: Workspace, claim: TrainingClaim, plan: TrainingPlan) -> None:
    """Remember what is trained on, so that another try of the same DAG run need not prepare it again."""

    def change(content: dict[str, Any] | None) -> dict[str, Any] | None:
        known = claim if content is None else TrainingClaim.from_dict(content)
        return None if known.plan == plan else replace(known, plan=plan).to_dict()

    update_document(workspace, claim.path, change)


def release_claim(workspace: Workspace, claim: TrainingClaim) -> None:
    """Give up a claim on what cannot be trained, unless somebody else has it or a model was made."""
    found = find_document(workspace, claim.path)
    if found is not None:
        known = TrainingClaim.from_dict(found.content)
        if known.by == claim.by and known.finished_at is None:
            workspace.delete_document(claim.path, expected=found.etag)


def finish_training(
    workspace: Workspace, dataset: str, training_key: str, *, model_name: str, model_version: int, by: str
) -> TrainingClaim:
    """Remember that a model was made: on the claim, and as the drop's status TRAINED. May be called again.

    :raises NotFound: nobody has claimed this training.
    """

    def change(content: dict[str, Any] | None) -> dict[str, Any] | None:
        if content is None:
            raise NotFound(f"there is no training {training_key} of the drops of {dataset}; nobody has claimed it.")
        claim = TrainingClaim.from_dict(content)
        if (claim.model_name, claim.model_version) == (model_name, model_version):
            return None
        return replace(claim, finished_at=now(), model_name=model_name, model_version=model_version).to_dict()

    stored = update_document(workspace, claim_path(dataset, training_key), change)
    if stored is None:
        raise AssertionError("there is a claim")
    claim = TrainingClaim.from_dict(stored.content)
    event = DropEvent(
        status=DropStatus.TRAINED,
        at=now(),
        fingerprint=claim.fingerprint,
        dataset_version=claim.version,
        model_name=model_name,
        model_version=model_version,
        document=claim.path,
        by=by,
    )
    note_unless(
        workspace,
        dataset,
        claim.drop_key,
        event,
        lambda record: any(
            (told.status, told.model_name, told.model_version) == (DropStatus.TRAINED, model_name, model_version)
            for told in record.events
        ),
    )
    return claim


def expiry(hours: float) -> datetime:
    """When a claim made now expires."""
    return now() + timedelta(hours=hours)


def _state(
    workspace: Workspace, claim: TrainingClaim | None, wanted: TrainingClaim, is_running: IsRunning
) -> ClaimState:
    if claim is None:
        return ClaimState.MINE
    if _is_decided(workspace, claim):
        return ClaimState.DONE
    if claim.by == wanted.by:
        return ClaimState.MINE
    running = is_running(claim.by)
    if running is None:
        running = now() < claim.expires_at
    return ClaimState.BUSY if running else ClaimState.MINE


def _is_decided(workspace: Workspace, claim: TrainingClaim) -> bool:
    """Whether the gate has had its say about the model that came of the claim."""
    record = read_drop(workspace, claim.dataset, claim.drop_key)
    decided = [event for event in record.events if event.status in _DECIDED] if record else []
    model = (claim.model_name, claim.model_version)
    is_of_model = [
        claim.finished_at is not None and (event.model_name, event.model_version) == model for event in decided
    ]
    return any(is_of_model) or any(event.by == claim.by and event.at >= claim.at for event in decided)
