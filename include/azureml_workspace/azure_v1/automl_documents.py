"""What AutoML on Azure writes on its runs, and into their files, as the seam's records.

All of it is read defensively: these documents are what the SDK and the studio read, and no interface that Azure
promises. What is missing or of another form is left out of the record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from azureml_workspace.azure_v1.best_child import TRIAL_TEMPLATE
from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.numbers import finite
from azureml_workspace.records import ChildRun, DataGuardFinding

TIME_LIMIT_PROPERTY = "airflow.experiment_timeout_minutes"
DATASET_PROPERTY = "airflow.dataset"
ROWS_PROPERTY, UNLABELLED_PROPERTY = "airflow.labelled_rows", "airflow.unlabelled_rows"
"""Properties that the adapter gives a run when it submits it: what the dataset's profile says of the label."""


def is_trial(run: HistoryRun) -> bool:
    """Whether a child run is a trial of a model."""
    return run.properties.get("runTemplate") == TRIAL_TEMPLATE and run.properties.get("iteration", "").isdigit()


def iteration_of(trial: HistoryRun) -> int:
    """The number of a trial."""
    return int(trial.properties["iteration"])


def child_record(trial: HistoryRun, metrics: Mapping[str, float]) -> ChildRun:
    """A trial as the seam's record."""
    seconds = (trial.ended - trial.started).total_seconds() if trial.started and trial.ended else 0.0
    return ChildRun(
        run_id=trial.run_id,
        parent_run_id=trial.parent_run_id or "",
        iteration=iteration_of(trial),
        algorithm=trial.properties.get("run_algorithm", ""),
        status=trial.status,
        score=finite(trial.properties.get("score")),
        duration_seconds=max(0.0, seconds),
        metrics=dict(metrics),
        parameters=_parameters(trial),
        error=trial.error,
    )


def time_limit_minutes(run: HistoryRun) -> float:
    """`experiment_timeout_minutes` of an AutoML run; 0 when nobody noted it."""
    given = run.properties.get(TIME_LIMIT_PROPERTY)
    settings = _document(run.properties.get("AMLSettingsJsonString"))
    return finite(given if given is not None else settings.get("experiment_timeout_minutes")) or 0.0


def rows_of(run: HistoryRun) -> int:
    """The rows that AutoML learnt from, or those with a label when it does not say."""
    problem = _document(run.properties.get("ProblemInfoJsonString"))
    rows = finite(problem.get("dataset_samples")) or finite(run.properties.get(ROWS_PROPERTY))
    return int(rows or 0)


def unlabelled_rows_of(run: HistoryRun) -> int:
    """The rows without a label; 0 for a run that was submitted in another way, of which nobody knows."""
    return int(finite(run.properties.get(UNLABELLED_PROPERTY)) or 0)


def validation_of(run: HistoryRun) -> str:
    """How the metrics were measured, in words."""
    settings = _document(run.properties.get("AMLSettingsJsonString"))
    folds, share = finite(settings.get("n_cross_validations")), finite(settings.get("validation_size"))
    if folds:
        words = f"{folds:.0f}-fold cross-validation"
    elif share:
        words = f"a holdout of {share:.0%} of the rows"
    else:
        words = "chosen by AutoML"
    said = run.tags.get("auto", "").strip()
    return f"{words} ({said})" if said else words


def classes_of(confusion_matrix: bytes | None) -> tuple[str, ...]:
    """The classes, out of the best child's confusion matrix."""
    data = _document(confusion_matrix).get("data")
    labels = data.get("class_labels") if isinstance(data, dict) else None
    return tuple(map(str, labels)) if isinstance(labels, list) else ()


def findings_of(verifier_results: bytes | None) -> tuple[DataGuardFinding, ...]:
    """The data guardrails that found something."""
    faults = _document(verifier_results).get("faults")
    found = (_finding(fault) for fault in (faults if isinstance(faults, list) else ()) if isinstance(fault, dict))
    return tuple(finding for finding in found if finding is not None)


def _finding(fault: Mapping[str, Any]) -> DataGuardFinding | None:
    severities: dict[str, Literal["warning", "info"]] = {"alerted": "warning", "done": "info"}
    severity = severities.get(str(fault.get("result", "")).lower())
    if severity is None:  # passed
        return None
    parameters = fault.get("friendly_parameters")
    columns = [
        str(parameter["Column name"])
        for parameter in (parameters if isinstance(parameters, list) else ())
        if isinstance(parameter, dict) and "Column name" in parameter
    ]
    return DataGuardFinding(
        guard=str(fault.get("type") or fault.get("friendly_type") or ""),
        severity=severity,
        message=str(fault.get("friendly_result") or fault.get("friendly_type") or ""),
        action=str(fault.get("friendly_learn_more") or ""),
        columns=tuple(columns),
    )


def _parameters(trial: HistoryRun) -> dict[str, str]:
    """Those of the model, which is the last object of the trial's pipeline."""
    objects = _document(trial.properties.get("pipeline_spec")).get("objects")
    last = objects[-1] if isinstance(objects, list) and objects else None
    found = last.get("param_kwargs") if isinstance(last, dict) else None
    if not isinstance(found, dict):
        return {}
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def _document(content: str | bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(content or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
