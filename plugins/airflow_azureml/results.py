"""What each operator returns. All are small JSON objects in XCom: names, addresses and figures, never a key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from azureml_workspace.records import ColumnSchema, DataGuardFinding, Record

MAX_SCHEMA_CHARACTERS = 4000
"""Of column names; a table of 3,000 columns must not be carried through XCom."""

MAX_FINDINGS = 8
MAX_CLASSES = 50
MAX_LABELS = 50
MAX_LABEL_CHARACTERS = 2000
MAX_TEXT = 300
_SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class VersionResult(Record):
    """A name and a version."""

    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class ColumnResult(Record):
    """Name and kind of a column."""

    name: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class DatasetResult(Record):
    """A registered dataset version. `columns` counts them all, `schema` lists the first ones, as many as fit."""

    name: str
    version: int
    fingerprint: str
    rows: int
    columns: int
    schema: tuple[ColumnResult, ...]
    profile_uri: str
    created: bool


@dataclass(frozen=True, kw_only=True)
class FindingResult(Record):
    """A data guard finding, shortened."""

    guard: str
    severity: str
    message: str


@dataclass(frozen=True, kw_only=True)
class AutoMLRunResult(Record):
    """A completed AutoML run and the model registered from it.

    `validation` says how `metrics` were measured. `findings` are the gravest of `findings_count`; `classes` is empty
    when there are more than 50.
    """

    run_id: str
    best_child_run_id: str
    best_algorithm: str
    primary_metric: str
    metrics: dict[str, float]
    validation: str
    child_runs: int
    label: str
    classes: tuple[str, ...]
    rows_used: int
    rows_dropped: int
    dataset: VersionResult
    model: VersionResult
    findings: tuple[FindingResult, ...]
    findings_count: int
    portal_url: str


@dataclass(frozen=True, kw_only=True)
class ServiceResult(Record):
    """A deployed web service."""

    name: str
    scoring_uri: str
    swagger_uri: str
    state: str
    model_name: str
    model_version: int
    auth_enabled: bool
    app_insights_enabled: bool


@dataclass(frozen=True, kw_only=True)
class InsightsResult(Record):
    """Whether request telemetry is on, and where a person looks at it."""

    name: str
    enabled: bool
    where_to_look: str


@dataclass(frozen=True, kw_only=True)
class CheckResult(Record):
    """One check of a smoke test."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class SmokeResult(Record):
    """A passed smoke test: the labels of the first sample rows, the latency of that request, and what was checked.

    `labels` are the first ones, as many as fit, of `labels_count`.
    """

    name: str
    labels: tuple[Any, ...]
    labels_count: int
    latency_ms: float | None
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, kw_only=True)
class ThresholdResult(Record):
    """One limit of a benchmark and what was observed."""

    name: str
    limit: float
    observed: float | None
    passed: bool


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult(Record):
    """The figures that `ab` prints. Latencies in milliseconds, None when there were too few samples.

    `histogram` is pairs of a bucket's upper bound (None: no bound) and its count.
    """

    name: str
    requests: int
    failed: int
    concurrency: int
    mean_ms: float | None
    min_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    requests_per_second: float
    seconds: float
    rows_per_request: int
    thresholds: tuple[ThresholdResult, ...]
    histogram: tuple[tuple[float | None, int], ...]


@dataclass(frozen=True, kw_only=True)
class PublishedPipelineResult(Record):
    """The published version that has the definition. `created` tells whether this task published it.

    `endpoint` submits this version, `pipeline_endpoint` whichever is the default of the name.
    """

    pipeline_id: str
    name: str
    version: int
    status: str
    endpoint: str
    pipeline_endpoint: str
    experiment_name: str
    dataset_name: str
    model_name: str
    created: bool


@dataclass(frozen=True, kw_only=True)
class SubmittedPipelineRunResult(Record):
    """A pipeline run that nobody waited for; a sensor may."""

    run_id: str
    status: str
    portal_url: str


@dataclass(frozen=True, kw_only=True)
class PipelineRunResult(Record):
    """A completed pipeline run: what it was, what it read and which model it registered.

    `validation` says how `metrics` were measured.
    """

    run_id: str
    status: str
    experiment_name: str
    pipeline: VersionResult
    pipeline_id: str
    dataset: VersionResult
    automl_run_id: str
    best_algorithm: str
    primary_metric: str
    metrics: dict[str, float]
    validation: str
    child_runs: int
    model: VersionResult
    portal_url: str


@dataclass(frozen=True, kw_only=True)
class MetricComparison(Record):
    """One metric of both models; None where a model has no such figure. `difference` is challenger minus champion."""

    name: str
    challenger: float | None
    champion: float | None
    difference: float | None


Verdict = Literal["first", "better", "worse", "equal", "unknown"]


@dataclass(frozen=True, kw_only=True)
class ModelComparisonResult(Record):
    """A new model (the challenger) next to the one that the web service serves (the champion).

    `champion` is None when nothing is served. `verdict` is of the challenger, on the primary metric; `unknown` when
    figures could not be read. `warnings` say why the figures are not to be compared like for like.
    """

    model: VersionResult
    run_id: str
    champion: VersionResult | None
    service_name: str
    primary_metric: str
    verdict: Verdict
    metrics: tuple[MetricComparison, ...]
    warnings: tuple[str, ...]

    @property
    def primary(self) -> MetricComparison | None:
        """The figures that the verdict is about."""
        return next((metric for metric in self.metrics if metric.name == self.primary_metric), None)


def short_schema(columns: Iterable[ColumnSchema]) -> tuple[ColumnResult, ...]:
    """The first columns, as many as fit into XCom."""
    kept: list[ColumnResult] = []
    characters = 0
    for column in columns:
        characters += len(column.name) + len(column.kind) + 24  # 24: the keys and marks around them in JSON
        if characters > MAX_SCHEMA_CHARACTERS:
            break
        kept.append(ColumnResult(name=column.name, kind=column.kind))
    return tuple(kept)


def short_findings(findings: Iterable[DataGuardFinding]) -> tuple[FindingResult, ...]:
    """The gravest findings, each message cut to a fair length."""
    ordered = sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity))
    return tuple(
        FindingResult(guard=finding.guard, severity=finding.severity, message=short_text(finding.message))
        for finding in ordered[:MAX_FINDINGS]
    )


def short_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    """All classes, or none when they are too many to carry along."""
    return tuple(classes) if len(classes) <= MAX_CLASSES and sum(map(len, classes)) <= 2000 else ()


def short_labels(labels: Iterable[Any]) -> tuple[Any, ...]:
    """The first labels, as many as fit into XCom; a long one is cut."""
    kept: list[Any] = []
    characters = 0
    for label in islice(labels, MAX_LABELS):
        short = short_text(label) if isinstance(label, str) else label
        characters += len(str(short))
        if characters > MAX_LABEL_CHARACTERS:
            break
        kept.append(short)
    return tuple(kept)


def short_text(text: str) -> str:
    """`text`, cut to a fair length."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."
