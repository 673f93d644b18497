"""Events of a run as they come, and results as the operators return them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azureml_workspace.records import AutoMLProgress
from scripts.run.events import AutoMLAdvanced, AutoMLSubmitted, Event, RunEnded, RunStarted, TaskStarted, TaskSucceeded
from scripts.run.progress import TASKS, RunProgress

RESULTS: dict[str, dict[str, Any]] = {
    "register_dataset": {
        "name": "bank-marketing",
        "version": 1,
        "fingerprint": "sha256:e1a2",
        "rows": 32_950,
        "columns": 21,
        "schema": [{"name": "age", "kind": "integer"}],
        "profile_uri": "http://127.0.0.1:8790/v1/datasets/bank-marketing/versions/1/profile",
        "created": True,
    },
    "automl_run": {
        "run_id": "AutoML_1",
        "best_child_run_id": "AutoML_1_7",
        "best_algorithm": "VotingEnsemble",
        "primary_metric": "AUC_weighted",
        "metrics": {"AUC_weighted": 0.9509, "accuracy": 0.9179, "log_loss": 0.1699, "norm_macro_recall": 0.5196},
        "validation": "5-fold cross-validation, out of fold, 32,950 rows",
        "child_runs": 8,
        "label": "y",
        "classes": ["no", "yes"],
        "rows_used": 32_950,
        "rows_dropped": 0,
        "dataset": {"name": "bank-marketing", "version": 1},
        "model": {"name": "bank-marketing", "version": 3},
        "findings": [{"guard": "leakage", "severity": "warning", "message": "column 'duration' alone predicts it"}],
        "findings_count": 4,
        "portal_url": "http://127.0.0.1:8790/v1/runs/AutoML_1",
    },
    "deploy": {
        "name": "bank-marketing",
        "scoring_uri": "http://127.0.0.1:8800/score",
        "swagger_uri": "http://127.0.0.1:8800/swagger.json",
        "state": "Healthy",
        "model_name": "bank-marketing",
        "model_version": 3,
        "auth_enabled": True,
        "app_insights_enabled": False,
    },
    "enable_insights": {"name": "bank-marketing", "enabled": True, "where_to_look": "python -m azureml_local requests"},
    "smoke_score": {
        "name": "bank-marketing",
        "labels": ["no", "yes"],
        "latency_ms": 1.3,
        "checks": [{"name": "health", "passed": True, "detail": "200"}],
    },
    "benchmark": {
        "name": "bank-marketing",
        "requests": 2000,
        "failed": 0,
        "concurrency": 4,
        "mean_ms": 0.6,
        "min_ms": 0.3,
        "p50_ms": 0.5,
        "p95_ms": 0.9,
        "p99_ms": None,
        "max_ms": 4.0,
        "requests_per_second": 6636.2,
        "seconds": 0.3,
        "rows_per_request": 2,
        "thresholds": [],
        "histogram": [],
    },
}


def automl_progress(**changes: Any) -> AutoMLProgress:
    fields: dict[str, Any] = {
        "run_id": "AutoML_1",
        "phase": "search",
        "trials_done": 3,
        "trials_failed": 0,
        "best_score": 0.94991,
        "best_algorithm": "LightGBM",
        "elapsed_seconds": 20.0,
        "time_limit_seconds": 60.0,
    }
    return AutoMLProgress(**(fields | changes))


@pytest.fixture
def make_progress() -> Callable[..., AutoMLProgress]:
    """Half-way through the search, but for what is given."""
    return automl_progress


@pytest.fixture
def successful_events() -> list[Event]:
    """Task n starts at 100 + 10 n and ends two seconds later."""
    events: list[Event] = [RunStarted(at=99.0, run_id="manual__1")]
    for number, task_id in enumerate(TASKS):
        start = 100.0 + 10 * number
        events.append(TaskStarted(at=start, task_id=task_id, try_number=1))
        if task_id == "automl_run":
            events.append(AutoMLSubmitted(at=start + 1, run_id="AutoML_1"))
            events.append(AutoMLAdvanced(at=start + 1, progress=automl_progress().to_dict()))
        events.append(TaskSucceeded(at=start + 2, task_id=task_id, result=RESULTS[task_id]))
    events.append(RunEnded(at=160.0, state="success"))
    return events


@pytest.fixture
def successful_run(successful_events: list[Event]) -> RunProgress:
    """All six tasks done."""
    run = RunProgress()
    for event in successful_events:
        run.apply(event)
    return run
