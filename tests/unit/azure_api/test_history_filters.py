from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from azureml_local.azure_api.history.filters import parse_filter
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

BOUNDED = """
import resource, sys
from azureml_local.azure_api.history.filters import parse_filter
from azureml_workspace.errors import InvalidRequest
used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 15,) * 2)
try:
    parse_filter(sys.argv[1])
except InvalidRequest:
    print("refused")
"""
RUN: dict[str, Any] = {
    "runId": "AutoML_1_0",
    "rootRunId": "AutoML_1",
    "parentRunId": None,
    "status": "Completed",
    "runType": "azureml.scriptrun",
    "createdUtc": "2026-05-01T10:00:00+00:00",
    "properties": {"runTemplate": "automl_child", "azureml.runsource": "automl", "empty": ""},
    "tags": {"drop": "1", "my tag": "x and y"},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (None, True),
        ("", True),
        ("RunId eq AutoML_1_0", True),
        ("RunId ne AutoML_1_0", False),
        ("RootRunId eq AutoML_1 and RunId ne AutoML_1", True),
        ('(RootRunId eq AutoML_1 and (Properties/runTemplate eq "automl_child"))', True),
        ('(RootRunId eq AutoML_1 and (Properties/runTemplate eq "AutoML"))', False),
        ("RunId eq a or RunId eq AutoML_1_0 or RunId eq b", True),
        ("RunId eq AutoML_1_0 or RunId eq a and RunId eq b", True),
        ("(RunId eq AutoML_1_0 or RunId eq a) and RunId eq b", False),
        ("(RunType eq automl or Properties/azureml.runsource eq automl)", True),
        ("(ParentRunId eq null)", True),
        ("(ParentRunId ne null)", False),
        ('(ParentRunId eq "null")', False),
        ("(Tags/drop ne null or Tags/drop eq null)", True),
        ("(Tags/none ne null or Tags/none eq null)", False),
        ('(Tags/my tag eq "x and y")', True),
        ('(Tags/drop eq "2")', False),
        ('(Properties/empty eq "")', True),
        ("(Status eq Completed)", True),
        ("(CreatedUtc ge 2026-05-01 09:59:00)", True),
        ("(CreatedUtc gt 2026-05-01 10:00:00+00:00)", False),
        ("CreatedUtc lt 2026-05-01T12:00:00+02:00", False),
        ("CreatedUtc le 2026-05-01T12:00:00+02:00", True),
        ("Nonsense eq 1", False),
    ],
)
def test_filters_that_clients_send(text: str | None, holds: bool) -> None:
    assert parse_filter(text)(RUN) is holds


@pytest.mark.parametrize(
    "text",
    ["RunId", "RunId eq", "(RunId eq a", "RunId eq a)", "RunId like a", "and", "(" * 60 + "RunId eq a" + ")" * 60],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_filter(text)


def test_a_filter_of_many_runs_is_no_recursion() -> None:
    text = " or ".join(f"RunId eq run_{number}" for number in range(3000)) + " or RunId eq AutoML_1_0"
    assert parse_filter(text)(RUN)


@pytest.mark.parametrize("text", ["a" + " " * 99_000, "a " * 49_000, "RunId eq " + "b " * 49_000 + "("])
def test_a_filter_takes_no_more_steps_than_it_is_long(text: str) -> None:
    """Quadratic steps took minutes, in which no other thread of the server ran; the limit is of processor time."""
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, text], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_a_filter_that_is_too_long() -> None:
    with pytest.raises(InvalidRequest, match="at most 100000"):
        parse_filter("RunId eq a or " * 8000)


@pytest.mark.parametrize(
    ("text", "families", "without_parent"),
    [
        (None, None, False),
        ("RunId eq a", {"a"}, False),
        ("(RootRunId eq a and (Status eq Completed))", {"a"}, False),
        ("RunId eq a or parentRunId eq b", {"a", "b"}, False),
        ("RunId eq a or Status eq Completed", None, False),
        ("RunId ne a", None, False),
        ('RunId eq a or RunId eq b and RootRunId eq "c"', {"a", "b"}, False),
        ("(ParentRunId eq null)", None, True),
        ("ParentRunId ne null", None, False),
        ('ParentRunId eq "null"', {"null"}, False),
        ("ParentRunId eq null or RunId eq a", None, False),
        ("ParentRunId eq null and RunId eq a", {"a"}, True),
    ],
)
def test_what_every_run_has_that_can_fulfil_it(
    text: str | None, families: set[str] | None, without_parent: bool
) -> None:
    found = parse_filter(text)
    assert (found.families, found.without_parent) == (families, without_parent)


def test_a_filter_that_is_no_text() -> None:
    with pytest.raises(InvalidRequest, match="is text"):
        parse_filter(1)
