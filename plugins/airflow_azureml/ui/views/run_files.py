"""The files that an AutoML run leaves among its outputs, as far as pages show them.

The local Azure ML writes them all. Azure's AutoML writes none of these; its Studio shows the same from elsewhere, and
the page says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from airflow_azureml.ui.views.kept import Kept
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.protocol import Workspace

R = TypeVar("R", bound=Record)

MOST_KEPT = 400


@dataclass(frozen=True, kw_only=True)
class RocCurve(Record):
    """Rates of one class against the others; empty for a class without rows."""

    false_positive_rate: tuple[float, ...] = ()
    true_positive_rate: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PrecisionRecallCurve(Record):
    """Of one class against the others; empty for a class without rows."""

    precision: tuple[float, ...] = ()
    recall: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CalibrationPoint(Record):
    """One bin of predicted probabilities."""

    mean_predicted: float
    observed: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """`outputs/evaluation.json`. `confusion_matrix[i][j]` counts rows of class i predicted as class j."""

    validation: str
    rows: int
    classes: tuple[str, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    roc: dict[str, RocCurve]
    precision_recall: dict[str, PrecisionRecallCurve]
    calibration: dict[str, tuple[CalibrationPoint, ...]]

    @property
    def drawn_classes(self) -> list[str]:
        """Those whose curves are shown: the second of two classes, else all, the most frequent first."""
        if len(self.classes) == 2:
            return [self.classes[1]]
        rows = {name: sum(counted) for name, counted in zip(self.classes, self.confusion_matrix, strict=True)}
        return sorted(self.classes, key=lambda name: -rows[name])


@dataclass(frozen=True, kw_only=True)
class Explanation(Record):
    """`outputs/explanation.json`: shares of importance, the largest first. `engineered` may be empty."""

    method: str
    raw: dict[str, float]
    engineered: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cohort(Record):
    """Rows of one level or band of a column; `accuracy_low` and `accuracy_high` are the ends of its 95 % interval."""

    column: str
    cohort: str
    rows: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    recall: float | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorLeaf(Record):
    """Rows that fulfil all `conditions`, and the share of them that is predicted wrongly."""

    conditions: tuple[str, ...]
    rows: int
    error: float
    error_low: float
    error_high: float


@dataclass(frozen=True, kw_only=True)
class Cohorts(Record):
    """`outputs/cohorts.json`: the most certainly weak cohort first."""

    rows: int
    accuracy: float
    min_rows: int
    cohorts: tuple[Cohort, ...] = ()
    error_tree: tuple[ErrorLeaf, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Interval(Record):
    """By how much a metric may be off by chance."""

    metric: str
    level: float
    low: float
    high: float
    method: str


@dataclass(frozen=True, kw_only=True)
class MetricsFile(Record):
    """`outputs/metrics.json`, as far as the run's result does not say it."""

    primary_metric_interval: Interval | None = None


_KEPT: Kept[Record] = Kept(MOST_KEPT)


def run_file(reading: Reading, run_id: str, path: str, kind: type[R]) -> R | None:
    """The file of a run that has ended; None when it has no such file, or it did not come in time.

    A file that is not of that form is as good as none: somebody else wrote it.
    """
    key = (reading.source, run_id, path)
    kept = _KEPT.get(key)
    if isinstance(kept, kind):
        return kept
    found = reading.part(path, lambda workspace: _read(workspace, run_id, path, kind))
    if found is not None:
        _KEPT.keep(key, found)
    return found


def _read(workspace: Workspace, run_id: str, path: str, kind: type[R]) -> R | None:
    try:
        return kind.from_dict(json.loads(workspace.read_run_file(run_id, path)))
    except (NotFound, ValueError, InvalidRequest):
        return None
