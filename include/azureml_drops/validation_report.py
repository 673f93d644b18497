"""What validation found out about a drop: `validations/{dataset}/{key}/{first 12 digits of the fingerprint}`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from azureml_drift.column_shift import ColumnShift
from azureml_drops.validation_settings import ValidationSettings
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record

MOST_CHECKS = 200
MOST_SHIFTS = 200
"""Kept in a report, the gravest first, so that one of 3,000 columns is still a small document."""

Outcome = Literal["passed", "failed", "warning"]


@dataclass(frozen=True, kw_only=True)
class ValidationCheck(Record):
    """One condition. `column` is empty when it is about the whole drop; `observed` and `limit` are its figures.

    A check of columns that all pass has one entry, of the column nearest to the limit.
    """

    name: str
    outcome: Outcome
    detail: str
    column: str = ""
    observed: float | None = None
    limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class Baseline(Record):
    """The accepted drop that another is compared with."""

    key: str
    version: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class ValidationReport(Record):
    """The checks of one content of a drop. `baseline` is None for the first drop, of which only absolute checks are
    made. `checks_left_out` and `shifts_left_out` count what was too much to keep."""

    dataset: str
    key: str
    fingerprint: str
    at: datetime
    rows: int
    baseline: Baseline | None
    settings: ValidationSettings
    checks: tuple[ValidationCheck, ...]
    shifts: tuple[ColumnShift, ...] = ()
    checks_left_out: int = 0
    shifts_left_out: int = 0

    @property
    def accepted(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[ValidationCheck, ...]:
        """What speaks against the drop."""
        return tuple(check for check in self.checks if check.outcome == "failed")

    @property
    def warnings(self) -> tuple[ValidationCheck, ...]:
        """What a person may want to know."""
        return tuple(check for check in self.checks if check.outcome == "warning")

    @property
    def reason(self) -> str:
        """The failures in words; empty when there is none."""
        return " ".join(check.detail for check in self.failures)

    @property
    def path(self) -> str:
        """Where it is stored."""
        return report_path(self.dataset, self.key, self.fingerprint)


def report_path(dataset: str, key: str, fingerprint: str) -> str:
    """Where the report on this content is kept."""
    return f"validations/{dataset}/{key}/{fingerprint.removeprefix('sha256:')[:12]}"


def read_report(workspace: Workspace, dataset: str, key: str, fingerprint: str) -> ValidationReport | None:
    """The last report on this content, None when it was never validated."""
    found = find_document(workspace, report_path(dataset, key, fingerprint))
    return None if found is None else ValidationReport.from_dict(found.content)


def store_report(workspace: Workspace, report: ValidationReport) -> None:
    """Keep the report, in the place of an earlier one on the same content."""
    update_document(workspace, report.path, lambda _: report.to_dict())
