"""What the gate's operators return: small JSON objects for XCom. The whole record is a document of the workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.results import VersionResult, short_text
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from azureml_gate.decision import DecisionRecord, Versioned
    from azureml_gate.figures import ModelFigures

MAX_WARNINGS = 5
MAX_REASON = 1500


@dataclass(frozen=True, kw_only=True)
class GateResult(Record):
    """A decision in short. `decision` is the path of the whole record.

    `verdict` is promote, reject or older. `champion` is None for the first model of a service. Scores are of the
    primary metric on the holdout; `low` and `high` are the ends of the interval of `difference`, challenger minus
    champion. `worst_cohort` is in words. Latencies are 95th percentiles in milliseconds. What was not measured is None.
    """

    verdict: str
    reason: str
    decision: str
    service_name: str
    candidate_service: str
    challenger: VersionResult
    champion: VersionResult | None
    failed_checks: tuple[str, ...]
    warnings: tuple[str, ...]
    primary_metric: str
    challenger_score: float | None = None
    champion_score: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    holdout_rows: int | None = None
    worst_cohort: str = ""
    challenger_p95_ms: float | None = None
    champion_p95_ms: float | None = None
    drop_key: str = ""


@dataclass(frozen=True, kw_only=True)
class DeletedServiceResult(Record):
    """Whether there was such a service; it is gone now. `name` is empty when there was none to name."""

    name: str
    deleted: bool


def gate_result(record: DecisionRecord) -> GateResult:
    """What the record says, shortened."""
    compared = record.comparison
    challenger, champion = record.challenger_figures, record.champion_figures
    metric = record.request.settings.primary_metric
    return GateResult(
        verdict=record.verdict.value,
        reason=record.reason if len(record.reason) <= MAX_REASON else f"{record.reason[: MAX_REASON - 3]}...",
        decision=record.path,
        service_name=record.request.service,
        candidate_service=record.request.candidate_service,
        challenger=_version(record.request.challenger),
        champion=None if record.champion is None else _version(record.champion),
        failed_checks=tuple(check.name for check in record.checks if check.outcome == "failed"),
        warnings=tuple(short_text(warning) for warning in record.warnings[:MAX_WARNINGS]),
        primary_metric=metric,
        challenger_score=None if challenger is None else challenger.metrics.get(metric),
        champion_score=None if champion is None else champion.metrics.get(metric),
        difference=None if compared is None else compared.difference,
        low=None if compared is None else compared.low,
        high=None if compared is None else compared.high,
        holdout_rows=None if record.holdout is None else record.holdout.compared,
        worst_cohort=_worst_cohort(record),
        challenger_p95_ms=_p95_ms(challenger),
        champion_p95_ms=_p95_ms(champion),
        drop_key=record.request.drop_key,
    )


def _p95_ms(figures: ModelFigures | None) -> float | None:
    return None if figures is None or figures.load is None else figures.load.p95_ms


def _version(model: Versioned) -> VersionResult:
    return VersionResult(name=model.name, version=model.version)


def _worst_cohort(record: DecisionRecord) -> str:
    if not record.cohorts:
        return ""
    worst = record.cohorts[0]
    return short_text(f"{worst.column} = {worst.cohort}: {worst.difference:+.4f} in {worst.rows} rows")
