"""What a model looks at, and where it is weak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_azureml.ui.charts.chart import Chart, Values, category, distinct, percent, quantity
from airflow_azureml.ui.charts.drawing import INK, SERIES

MOST_FEATURES = 15
MOST_COHORTS = 12
MOST_ROWS = 200
"""Of a table beneath a chart."""


def importance(shares: Mapping[str, float], *, title: str, of: str, method: str) -> Chart:
    """`shares` by name, the largest first; `of` says what the names are."""
    names = list(shares)[:MOST_FEATURES]
    labels = distinct(names)
    values: Values = [
        {"name": label, "share": shares[name], "text": percent(shares[name])}
        for name, label in zip(names, labels, strict=True)
    ]
    y = category("name", None, labels)
    x = quantity("share", "Share of the importance", axis={"format": "%"})
    spec = {
        "data": {"values": values},
        "height": {"step": 20},
        "layer": [
            {"mark": "bar", "encoding": {"x": x, "y": y}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": INK},
                "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            },
        ],
    }
    cut = f" The first {len(names)} of {len(shares):,} {of}s are drawn." if len(names) < len(shares) else ""
    return Chart.of(
        spec,
        title=title,
        says=f"Measured by {method}.{cut}",
        columns=(of.capitalize(), "Share"),
        rows=[(name, percent(share)) for name, share in list(shares.items())[:MOST_ROWS]],
        numbers=(1,),
    )


def cohort_accuracy(cohorts: Sequence[tuple[str, float, float, float, int]], *, overall: float) -> Chart:
    """`cohorts` are name, accuracy, the ends of its interval, and rows; the most certainly weak first."""
    drawn = list(cohorts)[:MOST_COHORTS]
    labels = distinct([name for name, *_ in drawn])
    values: Values = [
        {"name": label, "accuracy": accuracy, "low": low, "high": high, "rows": rows}
        for label, (_, accuracy, low, high, rows) in zip(labels, drawn, strict=True)
    ]
    y = category("name", None, labels)
    # The lowest end shown, rounded down: differences of good models would else be nothing.
    least = max(0.0, int(min([value["low"] for value in values] + [overall]) * 10) / 10)
    scale = {"domain": [least, 1.0], "zero": False}
    x_axis = {"format": "%"}
    spec = {
        "data": {"values": values},
        "height": {"step": 22},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": SERIES[0]},
                "encoding": {
                    "x": quantity("low", "Accuracy, with its 95 % interval", scale=scale, axis=x_axis),
                    "x2": {"field": "high"},
                    "y": y,
                },
            },
            {"mark": "point", "encoding": {"x": quantity("accuracy", "", scale=scale), "y": y}},
            {
                "data": {"values": [{"overall": overall}]},
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": INK},
                "encoding": {"x": quantity("overall", "", scale=scale)},
            },
        ],
    }
    return Chart.of(
        spec,
        title="Weakest groups",
        says=f"Accuracy of groups of rows, the most certainly weak first. The dashed line is the accuracy of all rows, "
        f"{percent(overall)}.",
        columns=("Group", "Accuracy", "from", "to", "Rows"),
        rows=[
            (name, percent(accuracy), percent(low), percent(high), f"{rows:,}")
            for name, accuracy, low, high, rows in list(cohorts)[:MOST_ROWS]
        ],
        numbers=(1, 2, 3, 4),
    )
