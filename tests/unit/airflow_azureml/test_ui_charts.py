"""Charts: what stands in them is text, whatever it is, and their figures stand beside them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from airflow_azureml.ui.charts import classification, importance, progress, timing
from airflow_azureml.ui.charts.chart import Chart, distinct, short

pytestmark = pytest.mark.unit

HOSTILE = "<script>alert(1)</script>"
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"
EMOJI = "\N{GRINNING FACE}\N{ZERO WIDTH JOINER}\N{HEAVY BLACK HEART}"
LONG = "x" * 2000
NAMES = (HOSTILE, RIGHT_TO_LEFT, EMOJI, LONG, LONG + "y", "", '"quoted" & more', "two\nlines")
CURVE = ((0.0, 0.2, 1.0), (0.0, 0.9, 1.0))


def all_charts() -> list[Chart]:
    return [
        classification.roc(dict.fromkeys(NAMES, CURVE)),
        classification.precision_recall(dict.fromkeys(NAMES, CURVE)),
        classification.calibration({name: [(0.1, 0.2, 30), (0.9, 0.8, 40)] for name in NAMES}),
        classification.confusion(NAMES, [[1] * len(NAMES)] * len(NAMES)),
        importance.importance(dict.fromkeys(NAMES, 0.125), title=HOSTILE, of="column", method=HOSTILE),
        importance.cohort_accuracy([(name, 0.8, 0.7, 0.9, 40) for name in NAMES], overall=0.85),
        timing.task_spans([(name, 0.0, 1.5, "success") for name in NAMES]),
        timing.latency_histogram([(1.0, 0), (2.0, 5), (None, 1)], requests=6),
        timing.latency_quantiles([("p50", 1.0), ("p99", None)], says=HOSTILE),
        timing.requests_over_time([(HOSTILE, 3.0, 1.0)], says=HOSTILE),
        progress.trial_scores([(number, name, 0.9) for number, name in enumerate(NAMES)], metric="AUC_weighted"),
        progress.series(
            [(name, {"a": 1.0, "b": None}) for name in NAMES], names=("a", "b"), title="t", x="x", y="y", says=""
        ),
        progress.column_shifts([(name, 0.1) for name in NAMES], limit=0.25, says=HOSTILE),
    ]


@pytest.fixture(scope="module")
def charts() -> list[Chart]:
    return all_charts()


def test_whatever_stands_in_a_chart_is_text(charts: list[Chart]) -> None:
    for chart in charts:
        assert "<script" not in chart.svg
        tags = {
            re.sub(r"\{.*\}", "", element.tag) for element in ElementTree.fromstring(chart.svg.replace("\0", "")).iter()
        }
        assert tags <= {"svg", "g", "path", "line", "text", "tspan", "rect", "defs", "clipPath", "title"}, chart.title


def test_no_chart_asks_for_anything_or_brings_a_style_of_its_own(charts: list[Chart]) -> None:
    """The policy of the pages would refuse it."""
    for chart in charts:
        without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", chart.svg)
        assert re.findall(r'\sstyle=|<style|href=|https?:|url\((?!#)|\son\w+="', without_namespaces) == [], chart.title


def test_colours_are_those_of_the_page(charts: list[Chart]) -> None:
    for chart in charts:
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', chart.svg)) - {"none", "transparent"}
        assert {colour for colour in colours if not colour.startswith(("var(--", "url(#"))} == set(), chart.title


def test_a_chart_is_read_out_and_reached_by_keyboard(charts: list[Chart]) -> None:
    for chart in charts:
        opening = chart.svg[: chart.svg.index(">")]
        assert 'role="img"' in opening
        assert 'tabindex="0"' in opening
        assert "aria-label=" in opening
        assert 'role="graphics-symbol"' in chart.svg, "each mark says its figures"


def test_every_chart_has_its_figures_as_a_table(charts: list[Chart]) -> None:
    for chart in charts:
        assert chart.rows, chart.title
        assert {len(row) for row in chart.rows} == {len(chart.columns)}, chart.title
        assert chart.numbers <= set(range(len(chart.columns)))


def test_the_table_has_the_whole_name_and_the_axis_a_short_one() -> None:
    chart = importance.importance({LONG: 1.0}, title="t", of="column", method="m")
    assert chart.rows[0][0] == LONG
    assert LONG not in chart.svg
    assert len(short(LONG)) == 40


def test_names_that_begin_alike_stay_apart() -> None:
    assert distinct([LONG, LONG + "y", "a", ""]) == [short(LONG), f"{short(LONG)} (2)", "a", "(empty)"]


def test_a_chart_is_drawn_once() -> None:
    first, again = (timing.latency_histogram([(1.0, 7)], requests=7) for _ in range(2))
    assert first.svg is again.svg


def test_units_stand_on_the_axes() -> None:
    chart = timing.latency_histogram([(1.0, 7), (2.0, 3)], requests=10)
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", chart.svg)
    assert {"Latency (ms)", "Requests"} <= set(texts)
