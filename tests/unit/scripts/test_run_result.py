"""`last_run.json`: its keys are a contract."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.run.events import RunEnded, TaskFailed, TaskStarted
from scripts.run.progress import TASKS, RunProgress
from scripts.run.result import last_run, write_json

pytestmark = pytest.mark.unit

TOP = {"dag_id", "run_id", "state", "seconds", "dataset", "automl", "model", "service", "smoke", "benchmark"}


def test_exactly_these_keys(successful_run: RunProgress) -> None:
    content = last_run(successful_run, dag_id="bank_marketing_train", total_seconds=84.4231)
    assert set(content) == TOP
    assert set(content["seconds"]) == {*TASKS, "total"}
    assert content["seconds"]["total"] == 84.423
    assert set(content["dataset"]) == {"name", "version", "fingerprint", "rows"}
    assert set(content["automl"]) == {"run_id", "best_algorithm", "child_runs", "validation", "metrics"}
    assert {"AUC_weighted", "accuracy", "log_loss", "norm_macro_recall"} <= set(content["automl"]["metrics"])
    assert content["model"] == {"name": "bank-marketing", "version": 3}
    assert set(content["service"]) == {"name", "scoring_uri", "swagger_uri", "state", "app_insights_enabled"}
    assert set(content["smoke"]) == {"labels", "checks"}
    assert set(content["benchmark"]) == {
        "requests",
        "failed",
        "concurrency",
        "mean_ms",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "requests_per_second",
    }


def test_insights_are_told_as_they_are_at_the_end(successful_run: RunProgress) -> None:
    assert successful_run.tasks["deploy"].result["app_insights_enabled"] is False
    content = last_run(successful_run, dag_id="d", total_seconds=1)
    assert content["service"]["app_insights_enabled"] is True


def test_a_failed_run_has_the_same_keys_and_null_for_what_was_not_reached() -> None:
    run = RunProgress()
    run.apply(TaskStarted(at=10.0, task_id="register_dataset", try_number=1))
    run.apply(TaskFailed(at=11.5, task_id="register_dataset", error="no such column", will_retry=False))
    run.apply(RunEnded(at=12.0, state="failed"))
    content = last_run(run, dag_id="d", total_seconds=12)
    assert set(content) == TOP
    assert content["state"] == "failed"
    assert content["seconds"] == dict.fromkeys(TASKS) | {"register_dataset": 1.5, "total": 12}
    assert all(content[name] is None for name in ("dataset", "automl", "model", "service", "smoke", "benchmark"))


def test_written_whole_and_nothing_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last_run.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 2}
    assert list(path.parent.iterdir()) == [path]
