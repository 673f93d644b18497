"""How quickly both services answer, and how often they fail, under a short load in turns."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from azureml_endpoint.turns import Target, TurnsReport, load_in_turns
from azureml_gate.figures import LoadFigures
from azureml_gate.service_scores import PURPOSE
from azureml_gate.settings import GateSettings

TURNS = 8
"""By chance alone seven of eight are slow in one gate of thousands, four of five in one of sixty."""
LOAD_ROWS = 2
"""Rows in each request."""


def measure(targets: Sequence[Target], settings: GateSettings) -> list[LoadFigures]:
    """Load the services in turns, which share whatever else goes on meanwhile. Figures in the order of `targets`."""
    reports = load_in_turns(
        targets,
        requests=settings.requests,
        turns=min(TURNS, settings.requests),
        concurrency=settings.concurrency,
        purpose=PURPOSE,
    )
    return [_figures(report) for report in reports]


def _figures(report: TurnsReport) -> LoadFigures:
    load = report.load
    measured = [p95 for p95 in report.p95_ms_by_turn if p95 is not None]
    return LoadFigures(
        requests=load.requests,
        failed=load.failed,
        p50_ms=load.p50_ms,
        # The median of the turns, because one turn in which the machine did something else says nothing of the service.
        p95_ms=median(measured) if measured else None,
        p95_ms_by_turn=report.p95_ms_by_turn,
        errors=tuple(f"{error.count} x {error.message}" for error in load.errors[:3]),
    )
