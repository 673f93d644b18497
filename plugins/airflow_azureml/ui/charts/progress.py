"""Figures that follow each other: trials of a run, versions of a model, drops of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_azureml.ui.charts.chart import Chart, Values, category, distinct, figure, quantity
from airflow_azureml.ui.charts.drawing import DASHES, SERIES, SHAPES, WIDTH

MOST_POINTS = 60
MOST_COLUMNS = 20


def trial_scores(trials: Sequence[tuple[int, str, float]], *, metric: str) -> Chart:
    """`trials` are iteration, algorithm and score, in order."""
    best = float("-inf")
    values: Values = []
    for iteration, algorithm, score in trials:
        best = max(best, score)
        values.append({"iteration": iteration, "algorithm": algorithm, "score": score, "best": best})
    x = quantity("iteration", "Trial", axis={"tickMinStep": 1, "format": "d"}, scale={"nice": False, "zero": False})
    scale = {"zero": False, "nice": True}
    spec = {
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "line", "interpolate": "step-after", "color": SERIES[1]},
                "encoding": {"x": x, "y": quantity("best", metric, scale=scale)},
            },
            {
                "mark": "point",
                "encoding": {
                    "x": x,
                    "y": quantity("score", metric, scale=scale),
                    "description": {"field": "algorithm", "type": "nominal"},
                },
            },
        ],
    }
    return Chart.of(
        spec,
        title="Trials",
        says=f"{metric} of each trial (points), and the best so far (line).",
        columns=("Trial", "Algorithm", metric),
        rows=[(str(iteration), algorithm, f"{score:.5f}") for iteration, algorithm, score in trials],
        numbers=(0, 2),
    )


def series(
    points: Sequence[tuple[str, dict[str, float | None]]],
    *,
    names: Sequence[str],
    title: str,
    x: str,
    y: str,
    says: str,
) -> Chart:
    """`points` are a step (a drop, a version) in order, and a figure by the name of its line."""
    drawn = list(points)[-MOST_POINTS:]
    steps = distinct([step for step, _ in drawn])
    values: Values = [
        {"step": label, "line": name, "value": found[name]}
        for label, (_, found) in zip(steps, drawn, strict=True)
        for name in names
        if found.get(name) is not None
    ]
    domain = list(names)
    legend = {"legend": None} if len(domain) == 1 else {}
    # Names under each step only as far as they can be read.
    every = max(1, len(steps) // 15)
    axis = {"labelAngle": -45, "values": steps[::every], "labelLimit": 110}
    encoding = {
        "x": category("step", x, steps, axis=axis),
        "y": quantity("value", y, scale={"zero": False}),
        "color": category("line", None, domain, scale={"domain": domain, "range": list(SERIES)}, **legend),
    }
    spec = {
        "data": {"values": values},
        "width": WIDTH if len(steps) <= 15 else 2 * WIDTH,
        "layer": [
            {
                "mark": "line",
                "encoding": {
                    **encoding,
                    "strokeDash": category(
                        "line", None, domain, scale={"domain": domain, "range": list(DASHES)}, **legend
                    ),
                },
            },
            {
                "mark": "point",
                "encoding": {
                    **encoding,
                    "shape": category("line", None, domain, scale={"domain": domain, "range": list(SHAPES)}, **legend),
                },
            },
        ],
    }
    cut = f" The last {MOST_POINTS} of {len(points):,} are drawn." if len(points) > MOST_POINTS else ""
    return Chart.of(
        spec,
        title=title,
        says=says + cut,
        columns=(x, *names),
        rows=[(step, *(figure(found.get(name), 5) for name in names)) for step, found in points],
        numbers=range(1, len(domain) + 1),
    )


def column_shifts(shifts: Sequence[tuple[str, float]], *, limit: float | None, says: str) -> Chart:
    """`shifts` are a column and its PSI, the largest first."""
    drawn = list(shifts)[:MOST_COLUMNS]
    labels = distinct([name for name, _ in drawn])
    values: Values = [{"column": label, "psi": psi} for label, (_, psi) in zip(labels, drawn, strict=True)]
    bars = {
        "mark": "bar",
        "encoding": {
            "x": quantity("psi", "Population stability index", axis={"tickCount": 6}),
            "y": category("column", None, labels),
        },
    }
    layers: list[dict[str, Any]] = [bars]
    if limit is not None:
        rule = {
            "data": {"values": [{"limit": limit}]},
            "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 2, "color": SERIES[1]},
            "encoding": {"x": quantity("limit", "Population stability index")},
        }
        layers.append(rule)
    cut = f" The largest {MOST_COLUMNS} of {len(shifts):,} are drawn." if len(shifts) > MOST_COLUMNS else ""
    return Chart.of(
        {"data": {"values": values}, "height": {"step": 20}, "layer": layers},
        title="Shift of each column",
        says=says + ("" if limit is None else f" The dashed line is the limit, {limit:g}.") + cut,
        columns=("Column", "PSI"),
        rows=[(name, figure(psi)) for name, psi in shifts],
        numbers=(1,),
    )
