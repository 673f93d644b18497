"""How long things took: tasks, requests."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_azureml.ui.charts.chart import Chart, Values, category, distinct, figure, quantity
from airflow_azureml.ui.charts.drawing import SERIES

MOST_TASKS = 30


def task_spans(spans: Sequence[tuple[str, float, float, str]]) -> Chart:
    """`spans` are a task, the seconds from the DAG run's start to its own, those to its end, and its state."""
    drawn = list(spans)[:MOST_TASKS]
    labels = distinct([name for name, *_ in drawn])
    values: Values = [
        {"task": label, "from": start, "to": end, "state": state, "seconds": round(end - start, 2)}
        for label, (_, start, end, state) in zip(labels, drawn, strict=True)
    ]
    spec = {
        "data": {"values": values},
        "height": {"step": 22},
        "mark": {"type": "bar", "minBandSize": 2},
        "encoding": {
            "x": quantity("from", "Seconds since the run began"),
            "x2": {"field": "to"},
            "y": category("task", None, labels),
        },
    }
    return Chart.of(
        spec,
        title="When each task worked",
        says="From the start of the DAG run, in seconds.",
        columns=("Task", "Began after", "Took", "State"),
        rows=[(name, f"{start:,.1f} s", f"{end - start:,.1f} s", state) for name, start, end, state in spans],
        numbers=(1, 2),
    )


def latency_histogram(buckets: Sequence[tuple[float | None, int]], *, requests: int) -> Chart:
    """`buckets` are an upper bound in milliseconds (None: no bound) and a count."""
    filled = _without_empty_ends(buckets)
    labels = [_bound(upper) for upper, _ in filled]
    values: Values = [{"ms": label, "count": count} for label, (_, count) in zip(labels, filled, strict=True)]
    spec = {
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "x": category("ms", "Latency (ms)", labels, axis={"labelAngle": -45}),
            "y": quantity("count", "Requests"),
        },
    }
    return Chart.of(
        spec,
        title="Latency of the load test",
        says=f"How many of {requests:,} requests took how long.",
        columns=("Latency (ms)", "Requests"),
        rows=[(label, f"{count:,}") for label, (_, count) in zip(labels, filled, strict=True)],
        numbers=(1,),
    )


def latency_quantiles(quantiles: Sequence[tuple[str, float | None]], *, says: str) -> Chart:
    """`quantiles` are a name as `p95` and milliseconds."""
    known = [(name, value) for name, value in quantiles if value is not None]
    values: Values = [{"name": name, "ms": value, "text": f"{value:,.1f}"} for name, value in known]
    names = [name for name, _ in known]
    y = category("name", None, names)
    x = quantity("ms", "Latency (ms)")
    spec = {
        "data": {"values": values},
        "height": {"step": 30},
        "layer": [
            {"mark": "bar", "encoding": {"x": x, "y": y}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4},
                "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            },
        ],
    }
    return Chart.of(
        spec,
        title="Latency of the requests",
        says=says,
        columns=("Quantile", "Latency (ms)"),
        rows=[(name, figure(value)) for name, value in quantiles],
        numbers=(1,),
    )


def requests_over_time(points: Sequence[tuple[str, float, float]], *, says: str) -> Chart:
    """`points` are a span of time as text, the requests a minute has in it, and the failed ones."""
    names = [name for name, _, _ in points]
    values: Values = [
        {"when": name, "requests": count, "kind": kind}
        for name, good, failed in points
        for kind, count in (("answered", good - failed), ("failed", failed))
    ]
    kinds = ["answered", "failed"]
    spec = {
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "x": category("when", "Time before now", names, axis={"labelAngle": 0}),
            "y": quantity("requests", "Requests per minute", stack="zero"),
            "color": category("kind", None, kinds, scale={"domain": kinds, "range": [SERIES[0], SERIES[1]]}),
        },
    }
    return Chart.of(
        spec,
        title="Requests per minute",
        says=says,
        columns=("Time before now", "Requests per minute", "of which failed"),
        rows=[(name, figure(all_of_them), figure(failed)) for name, all_of_them, failed in points],
        numbers=(1, 2),
    )


def _without_empty_ends(buckets: Sequence[tuple[float | None, int]]) -> list[tuple[float | None, int]]:
    filled = [place for place, (_, count) in enumerate(buckets) if count]
    return list(buckets[filled[0] : filled[-1] + 1]) if filled else list(buckets)


def _bound(upper: float | None) -> str:
    return "longer" if upper is None else f"\N{LESS-THAN OR EQUAL TO} {upper:g}"
