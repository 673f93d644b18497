"""With CI_NO_SKIP=1 a skipped test is a failed one: CI must not go green by leaving something out.

Loaded by `make test` with `-p tests.plugins.no_skip`. An expected failure (xfail) is no skip.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{reason}\nCI_NO_SKIP is set: a test that is left out counts as failed."


def _counts(report: pytest.TestReport | pytest.CollectReport) -> bool:
    return bool(os.environ.get("CI_NO_SKIP")) and report.skipped and not hasattr(report, "wasxfail")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _counts(report):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _counts(report):
        _fail(report)
    return report
