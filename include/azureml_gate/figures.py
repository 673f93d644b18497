"""Figures of a decision: what was measured, of which model, on which rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class HoldoutFigures(Record):
    """The rows that decided. `rows` is how many the dataset version has, `compared` those that count.

    The others have no label, were left out at random because there are more than `max_holdout_rows`, or are refused by
    a service. `class_counts` are of the rows that count, by label.
    """

    rows: int
    compared: int
    class_counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LoadFigures(Record):
    """A short load on a service. `p95_ms` is the median of the 95th percentiles of its turns, None without answers."""

    requests: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    p95_ms_by_turn: tuple[float | None, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def error_rate(self) -> float:
        """Share of failed requests; 1 when none could be made."""
        return self.failed / self.requests if self.requests else 1.0


@dataclass(frozen=True, kw_only=True)
class ModelFigures(Record):
    """One side of the comparison.

    `metrics` are Azure AutoML's, on the rows that count; empty when there were none. `refused_rows` counts holdout rows
    that the service does not take, `refusals` says why of the first ones. `drop_key`, `dataset` and `holdout_split` are
    the model's tags, empty when it has none.
    """

    name: str
    version: int
    service: str
    drop_key: str = ""
    dataset: str = ""
    holdout_split: str = ""
    classes: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    refused_rows: int = 0
    refusals: tuple[str, ...] = ()
    load: LoadFigures | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison(Record):
    """The primary metric of both models on the same rows. `difference` is challenger minus champion.

    `low` and `high` are the ends of its interval at `confidence`, from `samples` resamples.
    """

    metric: str
    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    confidence: float
    samples: int


@dataclass(frozen=True, kw_only=True)
class CohortFigures(Record):
    """Both models on the rows of one cohort.

    `metric` is the primary one, or accuracy where the cohort has too few rows of a class. `low` and `high` are the
    ends of an interval that holds for all cohorts together. `is_worse`: by more than the tolerance, and for certain.
    """

    column: str
    cohort: str
    rows: int
    metric: str
    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    is_worse: bool
