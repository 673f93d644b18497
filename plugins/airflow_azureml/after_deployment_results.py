"""What the operators that look after a deployed model return: small JSON objects, as those in `results`."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_azureml.results import VersionResult
from azureml_workspace.records import Record

MAX_COLUMNS = 20
"""Drifted columns that are named."""


@dataclass(frozen=True, kw_only=True)
class MonitorResult(Record):
    """A look at a web service. `verdict` is ok, drift, below_floor, errors or not_enough; `document` has all figures.

    `drifted` are the first of `drifted_count` columns. `retrain` tells whether a DAG run is to be triggered, and
    `retrain_dag_id` and `retrain_run_id` which; they are empty when not.
    """

    service: str
    model: VersionResult
    verdict: str
    reason: str
    document: str
    requests: int
    sampled_rows: int
    drifted: tuple[str, ...]
    drifted_count: int
    error_rate: float | None
    p95_ms: float | None
    metric_name: str
    metric: float | None
    retrain: bool
    retrain_dag_id: str
    retrain_run_id: str


@dataclass(frozen=True, kw_only=True)
class BatchResult(Record):
    """A scored batch. `scored` is false when its partition was there already, of the same input and model."""

    service: str
    key: str
    model: VersionResult
    rows: int
    output: str
    document: str
    scored: bool
    restarts: int
