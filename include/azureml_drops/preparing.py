"""From a registered drop to what a model is trained on, unless it was trained on already or is being trained on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azureml_drops.ledger import now
from azureml_drops.plan import TrainingPlan, make_plan, training_key
from azureml_drops.split import Split
from azureml_drops.training_claim import (
    ClaimState,
    IsRunning,
    TrainingClaim,
    claim_training,
    expiry,
    keep_plan,
    release_claim,
)
from azureml_drops.window import WindowDrop, parse_window, select_window
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from azureml_drops.registration import Registrar


@dataclass(frozen=True, kw_only=True)
class TrainingRequest(Record):
    """How drops are made into training data.

    `window` is 1, N or `all`. `settings` are those of the training itself: other ones make another training of the same
    data. A claim on the training ends after `claim_hours` for who cannot know what became of its DAG run.
    """

    label: str
    window: str = "1"
    holdout_share: float = 0.2
    group_columns: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    claim_hours: float = 24.0

    def validate(self) -> None:
        """:raises InvalidRequest: names the first value that cannot work."""
        parse_window(self.window)
        if not self.label:
            raise InvalidRequest("label is empty; name the column that is to be predicted.")
        if not 0.01 <= self.holdout_share <= 0.5:
            raise InvalidRequest(f"holdout_share is {self.holdout_share:g}; give a share of the rows of 0.01 to 0.5.")
        if self.claim_hours <= 0:
            raise InvalidRequest(f"claim_hours is {self.claim_hours:g}; give more than 0.")


@dataclass(frozen=True, kw_only=True)
class Prepared(Record):
    """Whether to train, and on what. `plan` is there when the claim is ours."""

    state: ClaimState
    claim: TrainingClaim
    plan: TrainingPlan | None = None


def prepare_training(
    registrar: Registrar, this: WindowDrop, request: TrainingRequest, is_running: IsRunning = lambda _: None
) -> Prepared:
    """Claim the training of a drop, and prepare its data. Trying again goes on where it was.

    :param this: the newest drop of the window.
    :raises InvalidRequest: a side of the split would be empty or of one class; the claim is given up then.
    """
    request.validate()
    workspace, dataset = registrar.workspace, registrar.settings.dataset
    columns = [column.name for column in workspace.get_dataset(dataset, this.version).columns]
    split = Split.of(
        columns, label=request.label, holdout_share=request.holdout_share, group_columns=request.group_columns
    )
    window = select_window(registrar, this, parse_window(request.window))
    key = training_key(window, split, label=request.label, settings=request.settings)
    wanted = TrainingClaim(
        dataset=dataset,
        training_key=key,
        drop_key=this.key,
        fingerprint=this.fingerprint,
        version=this.version,
        by=registrar.by,
        at=now(),
        expires_at=expiry(request.claim_hours),
    )
    state, claim = claim_training(workspace, wanted, is_running)
    if state is not ClaimState.MINE:
        return Prepared(state=state, claim=claim)
    if claim.plan is not None:
        return Prepared(state=state, claim=claim, plan=claim.plan)
    try:
        plan = make_plan(
            workspace,
            window,
            split,
            dataset=dataset,
            columns=columns,
            label=request.label,
            key=key,
            window_text=request.window.strip().lower(),
        )
    except InvalidRequest:
        release_claim(workspace, claim)
        raise
    keep_plan(workspace, claim, plan)
    return Prepared(state=state, claim=claim, plan=plan)
