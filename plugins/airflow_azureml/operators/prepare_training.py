"""Make training data and a holdout of drops, for exactly one DAG run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_azureml import _arguments as arguments
from airflow_azureml._dag_runs import is_at_work, name_of_run
from airflow_azureml._drop_storage import storage_of
from airflow_azureml._references import service_name
from airflow_azureml.drop_results import (
    MAX_DROPS,
    MAX_LEFT_OUT,
    MAX_NOTES,
    HoldoutResult,
    LeftOutResult,
    PreparedTrainingResult,
    RegisteredDropResult,
    WindowDropResult,
)
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import VersionResult, short_text
from azureml_drops.preparing import Prepared, TrainingRequest, prepare_training
from azureml_drops.registration import Registrar
from azureml_drops.training_claim import ClaimState
from azureml_drops.window import WindowDrop
from azureml_gate.candidate import candidate_service
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import validate_service_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_drops.plan import TrainingPlan
    from azureml_drops.training_claim import TrainingClaim


class AzureMLPrepareTrainingOperator(AzureMLBaseOperator):
    """Split the drops of a window into training data and a holdout, and claim the training for this DAG run.

    A row is on the same side of the split in every drop and every window, because a hash of its values decides. Both
    sides are registered as datasets, NAME-training and NAME-holdout. The same data, split and settings are trained on
    once: the task is skipped when another DAG run is at it, or when it was done and decided on. Returns a
    `PreparedTrainingResult`, which can be passed as `dataset` to `AzureMLAutoMLRunOperator`.

    :param drop: the output of the task that registered the drop.
    :param service: the web service that the model is for; the candidate service is named after it.
    :param window: which drops: `1` for this one (default), `N` for the last N up to this one, or `all` up to this one.
        Drops that are there and were not registered yet are validated and registered on the way.
    :param holdout_share: share of the rows for the holdout, 0.01 to 0.5 (default 0.2).
    :param group_columns: columns that name a group, for example a client, whose rows stay on one side (default: each
        row for itself).
    :param label_column_name: the column to be predicted (default: the one that the drop was registered with).
    :param training_settings: whatever else decides what the training gives, for example AutoML's arguments; other
        settings make another training of the same data.
    :param claim_hours: after how long another DAG run may take over the training, when Airflow does not know what
        became of the one that claimed it (default 24).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "drop",
        "service",
        "window",
        "holdout_share",
        "group_columns",
        "label_column_name",
        "training_settings",
        "claim_hours",
    )

    def __init__(
        self,
        *,
        drop: Any,
        service: Any,
        window: int | str = "1",
        holdout_share: float | str = 0.2,
        group_columns: Sequence[str] | str | None = None,
        label_column_name: str | None = None,
        training_settings: Mapping[str, Any] | str | None = None,
        claim_hours: float | str = 24,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.drop = drop
        self.service = service
        self.window = window
        self.holdout_share = holdout_share
        self.group_columns = group_columns
        self.label_column_name = label_column_name
        self.training_settings = training_settings
        self.claim_hours = claim_hours

    def perform(self, context: Context) -> PreparedTrainingResult:
        """Claim, choose the drops, split, register."""
        drop = _registered_drop(self.drop)
        service = service_name(self.service)
        validate_service_name(service)
        request = self._request(drop)
        request.validate()
        settings = drop.settings
        registrar = Registrar(
            workspace=self.hook.workspace,
            storage=storage_of(settings.parsed, drop.source_conn_id),
            settings=settings,
            by=name_of_run(context),
        )
        this = WindowDrop(key=drop.drop_key, version=drop.version, fingerprint=drop.fingerprint, rows=drop.rows)
        prepared = prepare_training(registrar, this, request, partial(is_at_work, context))
        plan = _plan_or_skip(prepared)
        self._tell(plan)
        return _result(plan, prepared.claim, service)

    def _request(self, drop: RegisteredDropResult) -> TrainingRequest:
        label = arguments.optional(arguments.text, "label_column_name", self.label_column_name)
        return TrainingRequest(
            label=label or drop.settings.label,
            window=arguments.text("window", self.window),
            holdout_share=arguments.number("holdout_share", self.holdout_share),
            group_columns=arguments.names("group_columns", self.group_columns),
            settings=arguments.mapping("training_settings", self.training_settings),
            claim_hours=arguments.number("claim_hours", self.claim_hours),
        )

    def _tell(self, plan: TrainingPlan) -> None:
        self.log.info(
            "Training %s: %d drops (%s to %s), %d rows in %s version %d, %d in the holdout %s version %d.",
            plan.training_key,
            plan.drops_count,
            plan.first_key,
            plan.drop_key,
            plan.training.rows,
            plan.training.name,
            plan.training.version,
            plan.holdout.rows,
            plan.holdout.name,
            plan.holdout.version,
        )
        for left_out in plan.left_out:
            self.log.warning("Drop %s is left out: %s", left_out.key, left_out.reason)
        for text in plan.notes:
            self.log.warning("%s", text)


def _registered_drop(value: Any) -> RegisteredDropResult:
    if not isinstance(value, Mapping):
        raise InvalidRequest(
            f"drop is {str(value)[:60]!r}; pass the `.output` of the task that registered the drop "
            "(AzureMLRegisterDropOperator)."
        )
    return RegisteredDropResult.from_dict(value)


def _plan_or_skip(prepared: Prepared) -> TrainingPlan:
    claim = prepared.claim
    if prepared.state is ClaimState.DONE:
        model = f" as {claim.model_name} version {claim.model_version}" if claim.model_name else ""
        raise AirflowSkipException(f"Drop {claim.drop_key} was trained on already{model}, by {claim.by}.")
    if prepared.state is ClaimState.BUSY:
        raise AirflowSkipException(
            f"Drop {claim.drop_key} is being trained on by {claim.by}. If that DAG run is gone, its claim ends at "
            f"{claim.expires_at:%Y-%m-%d %H:%M} UTC."
        )
    if prepared.plan is None:
        raise AssertionError("a claim of ours has a plan")
    return prepared.plan


def _result(plan: TrainingPlan, claim: TrainingClaim, service: str) -> PreparedTrainingResult:
    trained = None
    if claim.model_name and claim.model_version is not None:
        trained = VersionResult(name=claim.model_name, version=claim.model_version)
    return PreparedTrainingResult(
        name=plan.training.name,
        version=plan.training.version,
        rows=plan.training.rows,
        holdout=HoldoutResult(name=plan.holdout.name, version=plan.holdout.version, rows=plan.holdout.rows),
        label=plan.label,
        dataset=plan.dataset,
        drop_key=plan.drop_key,
        training_key=plan.training_key,
        holdout_split=plan.holdout_split,
        window=plan.window,
        candidate_service=candidate_service(service, plan.training_key),
        model_tags={
            "drop_dataset": plan.dataset,
            "drop_key": plan.drop_key,
            "training_key": plan.training_key,
            "holdout_split": plan.holdout_split,
            "holdout_dataset": plan.holdout.name,
            "holdout_dataset_version": str(plan.holdout.version),
            "window": plan.window,
        },
        drops=tuple(
            WindowDropResult(key=drop.key, version=drop.version, rows=drop.rows) for drop in plan.drops[-MAX_DROPS:]
        ),
        drops_count=plan.drops_count,
        left_out=tuple(
            LeftOutResult(key=drop.key, reason=short_text(drop.reason)) for drop in plan.left_out[-MAX_LEFT_OUT:]
        ),
        left_out_count=plan.left_out_count,
        notes=plan.notes[:MAX_NOTES],
        trained_model=trained,
    )
