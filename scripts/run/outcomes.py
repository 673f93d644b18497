"""One line per finished task: what a person wants to know of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azureml_workspace.records import AutoMLProgress

Result = Mapping[str, Any]


def outcome(task_id: str, result: Result) -> str:
    """The task's result in a line; empty for a task this knows nothing about."""
    describe = _DESCRIBE.get(task_id)
    return describe(result) if describe and result else ""


def automl_line(progress: AutoMLProgress) -> str:
    """How far an AutoML run is: phase, trials, the best so far, the time left."""
    parts = [f"{progress.trials_done} trials"]
    if progress.trials_failed:
        parts[0] += f" ({progress.trials_failed} failed)"
    if progress.best_score is not None:
        parts.append(f"best {progress.best_score:.4f} ({progress.best_algorithm})")
    parts.append(f"{progress.seconds_left:.0f} s left at most")
    return f"{progress.phase}: {', '.join(parts)}"


def milliseconds(value: float | None) -> str:
    """A latency, or a dash where there were too few samples to say."""
    return "-" if value is None else f"{value:.2f} ms"


def _dataset(result: Result) -> str:
    news = "new version" if result["created"] else "same content, so the version there was"
    return (
        f"{result['name']} version {result['version']}: {result['rows']:,} rows, {result['columns']} columns ({news})"
    )


def _automl(result: Result) -> str:
    metric = result["primary_metric"]
    model = result["model"]
    return (
        f"{result['best_algorithm']}, {metric} {result['metrics'][metric]:.4f}, of {result['child_runs']} child runs; "
        f"model {model['name']} version {model['version']}"
    )


def _service(result: Result) -> str:
    return f"{result['name']} is {result['state']} at {result['scoring_uri']}"


def _insights(result: Result) -> str:
    return f"request telemetry is {'on' if result['enabled'] else 'off'}"


def _smoke(result: Result) -> str:
    labels = ", ".join(str(label) for label in result["labels"][:6])
    passed = sum(check["passed"] for check in result["checks"])
    return f"labels {labels}; {passed} of {len(result['checks'])} checks passed"


def _benchmark(result: Result) -> str:
    return (
        f"{result['requests']:,} requests, {result['failed']} failed, {result['concurrency']} at once: "
        f"p50 {milliseconds(result['p50_ms'])}, {result['requests_per_second']:,.0f} requests/s"
    )


_DESCRIBE: dict[str, Callable[[Result], str]] = {
    "register_dataset": _dataset,
    "automl_run": _automl,
    "deploy": _service,
    "enable_insights": _insights,
    "smoke_score": _smoke,
    "benchmark": _benchmark,
}
