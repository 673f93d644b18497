"""How good a classifier is: curves, calibration and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_azureml.ui.charts.chart import SHARES, Chart, Values, category, distinct, percent, quantity
from airflow_azureml.ui.charts.drawing import DASHES, INK, SERIES, SHAPES

MOST_CLASSES = 6
"""Lines in one chart, and colours."""
MOST_MATRIX = 15
_POINTS = 11
"""Rows of a curve in its table."""


def roc(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, of_class: str = "") -> Chart:
    """`curves` are false and true positive rates by class, the most frequent class first."""
    return _curves(
        curves,
        title="ROC curve",
        x="False positive rate",
        y="True positive rate",
        says=f"The nearer to the upper left corner, the better; the dotted line is what guessing gives.{of_class}",
        chance=True,
    )


def precision_recall(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, of_class: str = "") -> Chart:
    """`curves` are recall and precision by class, the most frequent class first."""
    return _curves(
        curves,
        title="Precision and recall",
        x="Recall (share of the class that is found)",
        y="Precision (share that is right)",
        says=f"The nearer to the upper right corner, the better.{of_class}",
        chance=False,
    )


def calibration(points: Mapping[str, Sequence[tuple[float, float, int]]], *, of_class: str = "") -> Chart:
    """`points` are mean predicted probability, observed share and rows of each bin, by class."""
    names = list(points)[:MOST_CLASSES]
    labels = distinct(names)
    values: Values = [
        {"class": label, "x": predicted, "y": observed, "rows": rows}
        for name, label in zip(names, labels, strict=True)
        for predicted, observed, rows in points[name]
    ]
    encoding = {
        "x": quantity("x", "Mean predicted probability", scale=SHARES),
        "y": quantity("y", "Observed share", scale=SHARES),
        **_told_apart(labels),
    }
    spec = {
        "layer": [
            _diagonal(),
            {"data": {"values": values}, "mark": "line", "encoding": encoding},
            {
                "data": {"values": values},
                "mark": "point",
                "encoding": {
                    **{key: encoding[key] for key in ("x", "y", "color")},
                    "shape": category("class", "Class", labels, scale={"domain": labels, "range": list(SHAPES)}),
                    "description": {"field": "rows", "type": "quantitative"},
                },
            },
        ]
    }
    return Chart.of(
        spec,
        title="Calibration",
        says=f"On the dotted line a prediction of 70 % comes true in 70 % of the cases.{of_class}",
        columns=("Class", "Mean predicted", "Observed", "Rows"),
        rows=[
            (name, percent(predicted), percent(observed), f"{rows:,}")
            for name in names
            for predicted, observed, rows in points[name]
        ],
        numbers=(1, 2, 3),
    )


def confusion(classes: Sequence[str], counted: Sequence[Sequence[int]]) -> Chart:
    """`counted[i][j]` are rows of class i that were predicted as class j."""
    shown = list(range(len(classes)))[:MOST_MATRIX]
    labels = distinct([classes[place] for place in shown])
    values: Values = []
    for i in shown:
        total = sum(counted[i]) or 1
        for j in shown:
            rows = counted[i][j]
            text = f"{rows:,}"
            values.append(
                {"true": labels[i], "predicted": labels[j], "rows": rows, "share": rows / total, "text": text}
            )
    size = max(40, min(110, 420 // max(1, len(shown))))
    base = {
        "x": category("predicted", "Predicted class", labels, axis={"labelAngle": 0 if len(shown) < 6 else -45}),
        "y": category("true", "True class", labels),
    }
    spec = {
        "data": {"values": values},
        "width": size * len(shown),
        "height": min(size, 70) * len(shown),
        "layer": [
            {
                "mark": {"type": "rect", "color": SERIES[0], "stroke": "var(--line)", "strokeWidth": 1},
                "encoding": {
                    **base,
                    "fillOpacity": {
                        "field": "share",
                        "type": "quantitative",
                        "scale": {"domain": [0, 1], "range": [0.04, 0.6]},
                        "legend": None,
                    },
                },
            },
            {"mark": {"type": "text", "color": INK}, "encoding": {**base, "text": {"field": "text"}}},
        ],
    }
    cut = "" if len(classes) <= MOST_MATRIX else f" The first {MOST_MATRIX} of {len(classes)} classes are drawn."
    return Chart.of(
        spec,
        title="Confusion matrix",
        says=f"Rows of each true class by the class that was predicted, darker for a larger share of the true class. "
        f"{cut.strip()}",
        columns=("True class", *(f"predicted {classes[place]}" for place in shown), "right"),
        rows=[
            (
                classes[i],
                *(f"{counted[i][j]:,}" for j in shown),
                percent(counted[i][i] / (sum(counted[i]) or 1)),
            )
            for i in shown
        ],
        numbers=range(1, len(shown) + 2),
    )


def _curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    x: str,
    y: str,
    says: str,
    chance: bool,
) -> Chart:
    names = list(curves)[:MOST_CLASSES]
    labels = distinct(names)
    values: Values = [
        {"class": label, "x": a, "y": b, "order": place}
        for name, label in zip(names, labels, strict=True)
        for place, (a, b) in enumerate(zip(*curves[name], strict=True))
    ]
    line = {
        "data": {"values": values},
        # Not smoothed: a curve of few points is to look like one.
        "mark": {"type": "line", "clip": True},
        "encoding": {
            "x": quantity("x", x, scale=SHARES),
            "y": quantity("y", y, scale=SHARES),
            "order": {"field": "order"},
            **_told_apart(labels),
        },
    }
    return Chart.of(
        {"layer": [_diagonal(), line] if chance else [line]},
        title=title,
        says=says,
        columns=("Class", x, y),
        rows=[
            (name, percent(a), percent(b)) for name in names for a, b in _some(list(zip(*curves[name], strict=True)))
        ],
        numbers=(1, 2),
    )


def _told_apart(labels: Sequence[str]) -> dict[str, Any]:
    """By colour and by dash; no legend for one class alone."""
    legend = {"legend": None} if len(labels) == 1 else {}
    domain = list(labels)
    return {
        "color": category("class", "Class", labels, scale={"domain": domain, "range": list(SERIES)}, **legend),
        "strokeDash": category("class", "Class", labels, scale={"domain": domain, "range": list(DASHES)}, **legend),
    }


def _diagonal() -> dict[str, Any]:
    return {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "color": "var(--faint)", "strokeDash": [2, 3], "strokeWidth": 1, "aria": False},
        "encoding": {"x": quantity("x", ""), "y": quantity("y", "")},
    }


def _some(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A few of a curve's points, evenly, ends included."""
    if len(points) <= _POINTS:
        return list(points)
    last = len(points) - 1
    return [points[round(place * last / (_POINTS - 1))] for place in range(_POINTS)]
