"""Look at a web service, judge what is there, and keep a record of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from azureml_drift.shifts import ColumnShift
from azureml_gate.decision import Versioned
from azureml_monitoring.floor import MeasuredModel, last_measured
from azureml_monitoring.inputs import InputShifts, TrainingData, compare_inputs, training_data
from azureml_monitoring.record import MOST_SHIFTS, MonitorCheck, MonitorRecord, MonitorVerdict
from azureml_monitoring.requests import request_checks
from azureml_monitoring.retraining import Retraining, RetrainingPlan, ask_for_retraining
from azureml_monitoring.settings import MonitorSettings
from azureml_workspace.errors import NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import InputSample

_NAMED_COLUMNS = 10

_VERDICTS: dict[str, MonitorVerdict] = {
    "error rate": MonitorVerdict.ERRORS,
    "refused rate": MonitorVerdict.ERRORS,
    "p95": MonitorVerdict.ERRORS,
    "metric floor": MonitorVerdict.BELOW_FLOOR,
    "drift": MonitorVerdict.DRIFT,
    "inputs": MonitorVerdict.NOT_ENOUGH,
}
"""Of a check that failed."""

_RETRAINED = frozenset({MonitorVerdict.DRIFT, MonitorVerdict.BELOW_FLOOR})
"""What a new training may mend."""


def watch(
    workspace: Workspace,
    service: str,
    settings: MonitorSettings,
    *,
    plan: RetrainingPlan | None = None,
    by: str = "",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> MonitorRecord:
    """Look, judge, ask for a new training when it may help (`plan` None: never), store the record.

    :raises InvalidRequest: settings that cannot work. :raises NotFound: no such service.
    """
    settings.validate()
    found = workspace.get_service(service)
    model = Versioned(name=found.model_name, version=found.model_version)
    seconds = settings.window_hours * 3600
    requests = workspace.service_requests(service, since_seconds=seconds)
    sample = workspace.service_inputs(service, since_seconds=seconds, limit=settings.max_rows)
    training = training_data(workspace, model)
    input_checks, shifts = _input_checks(workspace, model, training, sample, settings)
    measured = last_measured(workspace, service, model, settings.metric)
    checks = (*request_checks(requests, settings), *_floor_checks(measured, settings), *input_checks)
    verdicts = [_VERDICTS[check.name] for check in checks if check.outcome == "failed"]
    record = MonitorRecord(
        service=service,
        at=now(),
        model=model,
        settings=settings,
        verdict=next((verdict for verdict in MonitorVerdict if verdict in verdicts), MonitorVerdict.OK),
        reason=_reason(checks),
        checks=checks,
        requests=requests,
        sampled_rows=len(sample.rows),
        scored_rows=sample.scored,
        training=None if training is None else training.dataset,
        columns=len(shifts.shifts),
        drifted=tuple(shifts.complaints),
        shifts=_furthest(shifts.shifts),
        metric_name="" if measured is None else measured.metric,
        metric=None if measured is None else measured.value,
        decision="" if measured is None else measured.decision,
        by=by,
    )
    if plan is not None and not _RETRAINED.isdisjoint(verdicts):
        record = _retrained(workspace, record, plan)
    workspace.write_document(record.path, record.to_dict(), expected=None)
    return record


def _input_checks(
    workspace: Workspace,
    model: Versioned,
    training: TrainingData | None,
    sample: InputSample,
    settings: MonitorSettings,
) -> tuple[tuple[MonitorCheck, ...], InputShifts]:
    rows = len(sample.rows)
    detail = (
        f"{rows} sampled rows of the last {settings.window_hours:g} hours, of {sample.scored} scored; "
        f"{settings.min_rows} are needed"
    )
    if not sample.collecting:
        detail += "; the service keeps no inputs (Application Insights or collect_inputs is off)"
    enough = rows >= settings.min_rows
    inputs = MonitorCheck(
        name="inputs", outcome="passed" if enough else "failed", detail=detail, observed=rows, limit=settings.min_rows
    )
    nothing = InputShifts(shifts=(), complaints={})
    if not enough:
        return (inputs,), nothing
    if training is None:
        why = f"the tags of {model.name} version {model.version} do not say which dataset it was trained on"
        return (inputs, MonitorCheck(name="drift", outcome="unknown", detail=why)), nothing
    try:
        shifts = compare_inputs(workspace, training, sample.rows, settings)
    except NotFound as error:
        return (
            inputs,
            MonitorCheck(name="drift", outcome="unknown", detail=f"the training data is gone: {error}"),
        ), nothing
    return (inputs, _drift_check(training, shifts)), shifts


def _drift_check(training: TrainingData, shifts: InputShifts) -> MonitorCheck:
    count, data = len(shifts.shifts), f"{training.dataset.name} version {training.dataset.version}"
    drifted = list(shifts.complaints.items())
    if not count:
        return MonitorCheck(
            name="drift", outcome="unknown", detail=f"no column of {data} is among those that were sent"
        )
    if not drifted:
        return MonitorCheck(name="drift", outcome="passed", detail=f"none of {count} columns moved from {data}")
    named = "; ".join(f"{column}: {words}" for column, words in drifted[:_NAMED_COLUMNS])
    more = f"; and {len(drifted) - _NAMED_COLUMNS} more" if len(drifted) > _NAMED_COLUMNS else ""
    detail = f"{len(drifted)} of {count} columns moved from {data}: {named}{more}"
    return MonitorCheck(name="drift", outcome="failed", detail=detail, observed=len(drifted), limit=0)


def _floor_checks(measured: MeasuredModel | None, settings: MonitorSettings) -> tuple[MonitorCheck, ...]:
    if settings.min_metric is None:
        return ()
    if measured is None:
        detail = "no decision of the gate has measured the model that serves"
        return (MonitorCheck(name="metric floor", outcome="unknown", detail=detail, limit=settings.min_metric),)
    detail = (
        f"{measured.metric} on the newest labelled holdout is {measured.value:.4f}, at least {settings.min_metric:g} "
        f"is asked ({measured.decision})"
    )
    return (
        MonitorCheck(
            name="metric floor",
            outcome="passed" if measured.value >= settings.min_metric else "failed",
            detail=detail,
            observed=measured.value,
            limit=settings.min_metric,
        ),
    )


def _reason(checks: Sequence[MonitorCheck]) -> str:
    """What failed, else what could not be answered, else that all is well."""
    for outcome, words in (("failed", ""), ("unknown", "nothing is wrong as far as is known: ")):
        found = [f"{check.name}: {check.detail}" for check in checks if check.outcome == outcome]
        if found:
            return words + "; ".join(found) + "."
    return "; ".join(f"{check.name}: {check.detail}" for check in checks) + "."


def _furthest(shifts: Sequence[ColumnShift]) -> tuple[ColumnShift, ...]:
    return tuple(sorted(shifts, key=lambda shift: -(shift.psi or 0.0))[:MOST_SHIFTS])


def _retrained(workspace: Workspace, record: MonitorRecord, plan: RetrainingPlan) -> MonitorRecord:
    retraining = ask_for_retraining(workspace, record.service, plan, reason=record.reason, by=record.by, now=record.at)
    return replace(record, retraining=retraining, reason=f"{record.reason} {_retraining_words(retraining)}")


def _retraining_words(retraining: Retraining) -> str:
    if retraining.is_asked:
        return f"Retraining: run {retraining.run_id} of {retraining.dag_id} is triggered."
    return f"No retraining is triggered: {retraining.reason}."
