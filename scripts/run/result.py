"""`.local/last_run.json`: what came out of a run, for programs. Holds no secret."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.run.progress import TASKS, RunProgress

DATASET_KEYS = ("name", "version", "fingerprint", "rows")
AUTOML_KEYS = ("run_id", "best_algorithm", "child_runs", "validation", "metrics")
MODEL_KEYS = ("name", "version")
SERVICE_KEYS = ("name", "scoring_uri", "swagger_uri", "state", "app_insights_enabled")
SMOKE_KEYS = ("labels", "checks")
BENCHMARK_KEYS = (
    "requests",
    "failed",
    "concurrency",
    "mean_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "requests_per_second",
)


def last_run(run: RunProgress, *, dag_id: str, total_seconds: float) -> dict[str, Any]:
    """Always the same keys. What was not reached is null: a whole section, or the seconds of a task."""
    results = {task_id: run.tasks[task_id].result for task_id in TASKS}
    seconds = {task_id: _rounded(run.tasks[task_id].seconds()) for task_id in TASKS}
    return {
        "dag_id": dag_id,
        "run_id": run.run_id,
        "state": run.state,
        "seconds": {**seconds, "total": _rounded(total_seconds)},
        "dataset": _section(results["register_dataset"], DATASET_KEYS),
        "automl": _section(results["automl_run"], AUTOML_KEYS),
        "model": _section(results["automl_run"].get("model"), MODEL_KEYS),
        "service": _service(results["deploy"], results["enable_insights"]),
        "smoke": _section(results["smoke_score"], SMOKE_KEYS),
        "benchmark": _section(results["benchmark"], BENCHMARK_KEYS),
    }


def write_json(path: Path, content: Any) -> None:
    """Write beside the path and rename, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(content, indent=2) + "\n")
    beside.replace(path)


def _service(deployed: Mapping[str, Any], insights: Mapping[str, Any]) -> dict[str, Any] | None:
    section = _section(deployed, SERVICE_KEYS)
    if section is not None and insights:
        section["app_insights_enabled"] = insights["enabled"]
    return section


def _section(result: Mapping[str, Any] | None, keys: tuple[str, ...]) -> dict[str, Any] | None:
    return {key: result[key] for key in keys} if result else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
