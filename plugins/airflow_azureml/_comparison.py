"""A new model's figures next to those of the model that serves, and what may be said of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from airflow_azureml.results import MetricComparison, ModelComparisonResult, Verdict, VersionResult
from azureml_workspace.records import AutoMLResult

_SAME = 1e-9
"""Figures closer than this differ by rounding."""

_LOWER_IS_BETTER = frozenset({"log_loss"})
_NONE = "-"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A model version and the figures of the run it came from; `unreadable` says why there are none.

    `data` is the dataset version it was trained on, in words, empty when that is not known.
    """

    name: str
    version: int
    run_id: str = ""
    data: str = ""
    result: AutoMLResult | None = None
    unreadable: str = ""

    @property
    def label(self) -> str:
        """Name and version, for a person."""
        return f"{self.name} version {self.version}"

    @property
    def metrics(self) -> dict[str, float]:
        """Its figures, none when they could not be read."""
        return {} if self.result is None else self.result.metrics


def compare(challenger: Contender, champion: Contender | None, *, service_name: str) -> ModelComparisonResult:
    """Every metric of both, and the verdict on the challenger's primary metric."""
    primary_metric = "" if challenger.result is None else challenger.result.primary_metric
    metrics = _metrics(challenger, champion, primary_metric)
    return ModelComparisonResult(
        model=VersionResult(name=challenger.name, version=challenger.version),
        run_id=challenger.run_id,
        champion=None if champion is None else VersionResult(name=champion.name, version=champion.version),
        service_name=service_name,
        primary_metric=primary_metric,
        verdict="first" if champion is None else _verdict(metrics, primary_metric),
        metrics=metrics,
        warnings=_warnings(challenger, champion),
    )


def table(compared: ModelComparisonResult) -> list[str]:
    """Lines for a log: a head, and a line per metric, the primary one first and marked with a star."""
    champion = compared.champion
    head = (
        "metric",
        f"challenger v{compared.model.version}",
        "champion " + (f"v{champion.version}" if champion else _NONE),
    )
    rows = [(*head, "difference")]
    for metric in compared.metrics:
        name = f"{metric.name}{' *' if metric.name == compared.primary_metric else ''}"
        if metric.name in _LOWER_IS_BETTER:
            name += " (lower is better)"
        rows.append(
            (name, _figure(metric.challenger), _figure(metric.champion), _figure(metric.difference, signed=True))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _metrics(challenger: Contender, champion: Contender | None, primary_metric: str) -> tuple[MetricComparison, ...]:
    new = challenger.metrics
    old = {} if champion is None else champion.metrics
    names = sorted(set(new) | set(old), key=lambda name: (name != primary_metric, name))
    return tuple(
        MetricComparison(
            name=name,
            challenger=new.get(name),
            champion=old.get(name),
            difference=new[name] - old[name] if name in new and name in old else None,
        )
        for name in names
    )


def _verdict(metrics: tuple[MetricComparison, ...], primary_metric: str) -> Verdict:
    difference = next((metric.difference for metric in metrics if metric.name == primary_metric), None)
    if difference is None:
        return "unknown"
    if math.isclose(difference, 0, abs_tol=_SAME):
        return "equal"
    return "better" if difference > 0 else "worse"


def _warnings(challenger: Contender, champion: Contender | None) -> tuple[str, ...]:
    found = [
        f"The figures of {contender.label} could not be read: {contender.unreadable}"
        for contender in (challenger, champion)
        if contender is not None and contender.result is None
    ]
    if champion is None:
        return tuple(found)
    if champion.label == challenger.label:
        return (*found, f"{challenger.label} is what the web service serves: it is compared with itself.")
    return (*found, *_data_warnings(challenger, champion), *_method_warnings(challenger, champion))


def _data_warnings(challenger: Contender, champion: Contender) -> list[str]:
    unsaid = [contender.label for contender in (challenger, champion) if not contender.data]
    if unsaid:
        return [f"Not known to be like for like: on which dataset version was {' and '.join(unsaid)} trained?"]
    if challenger.data == champion.data:
        return []
    return [
        f"Not like for like: {challenger.label} was trained and measured on {challenger.data}, "
        f"{champion.label} on {champion.data}."
    ]


def _method_warnings(challenger: Contender, champion: Contender) -> list[str]:
    new, old = challenger.result, champion.result
    if new is None or old is None:
        return []
    found = []
    if _method(new) != _method(old):
        found.append(
            f"Not like for like: {challenger.label} was measured by {new.validation}, "
            f"{champion.label} by {old.validation}."
        )
    if new.primary_metric != old.primary_metric:
        found.append(
            f"{challenger.label} was made for {new.primary_metric}, {champion.label} for {old.primary_metric}."
        )
    if set(new.classes) != set(old.classes):
        found.append(f"Not like for like: {challenger.label} and {champion.label} do not tell the same classes apart.")
    return found


def _method(result: AutoMLResult) -> str:
    """How it was measured; how many rows there were is the data's doing."""
    return re.sub(r"\d+ rows", "rows", result.validation)


def _figure(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return _NONE
    return f"{value:+.5f}" if signed else f"{value:.5f}"
