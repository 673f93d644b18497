"""The tasks of a DAG run as steps, and what they gave back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_azureml.gate_results import GateResult
from airflow_azureml.results import (
    AutoMLRunResult,
    BenchmarkResult,
    DatasetResult,
    ModelComparisonResult,
    ServiceResult,
    SmokeResult,
)
from airflow_azureml.ui.charts import timing
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from airflow_azureml.ui.charts.chart import Chart
    from airflow_azureml.ui.places import TaskPlace

R = TypeVar("R", bound=Record)

_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task instance. `depth` is how many tasks come before it.

    `submitted` is its word on the run that it submitted, `result` what it returned; both are as they were read, and
    anybody who may write XComs of the DAG may have changed them.
    """

    task: TaskPlace
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    tries: int = 0
    depth: int = 0
    submitted: Any = None
    result: Any = None

    @property
    def name(self) -> str:
        """The task's id, with the index when it is mapped."""
        return self.task.task_id if self.task.map_index < 0 else f"{self.task.task_id} [{self.task.map_index}]"

    @property
    def order(self) -> tuple[datetime, int, str, int]:
        """Those that began first in front, those that have not begun last, in the order of the DAG."""
        return self.started_at or _LATEST, self.depth, self.task.task_id, self.task.map_index

    @property
    def run_id(self) -> str | None:
        """The run that the task says it submitted."""
        run_id = self.submitted.get("run_id") if isinstance(self.submitted, Mapping) else None
        return run_id if isinstance(run_id, str) and run_id else None

    def seconds(self, now: datetime) -> float | None:
        """How long it worked, until now while it does; None before it began."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.ended_at or now) - self.started_at).total_seconds())

    def returned(self, kind: type[R]) -> R | None:
        """Its result, when it is one of that kind."""
        if not isinstance(self.result, Mapping):
            return None
        try:
            return kind.from_dict(self.result)
        except InvalidRequest:
            return None


@dataclass(frozen=True, kw_only=True)
class RunStory:
    """A DAG run."""

    dag_id: str
    dag_run_id: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    steps: tuple[Step, ...]

    @property
    def active(self) -> bool:
        """Whether it may still change."""
        return self.state not in {"success", "failed"}

    def last(self, kind: type[R]) -> R | None:
        """The last result of that kind among the steps."""
        found = [result for step in self.steps if (result := step.returned(kind)) is not None]
        return found[-1] if found else None

    @property
    def dataset(self) -> DatasetResult | None:
        """What was registered."""
        return self.last(DatasetResult)

    @property
    def automl(self) -> AutoMLRunResult | None:
        """The model in short."""
        return self.last(AutoMLRunResult)

    @property
    def service(self) -> ServiceResult | None:
        """What was deployed."""
        return self.last(ServiceResult)

    @property
    def smoke(self) -> SmokeResult | None:
        """The smoke test."""
        return self.last(SmokeResult)

    @property
    def benchmark(self) -> BenchmarkResult | None:
        """The load test."""
        return self.last(BenchmarkResult)

    @property
    def comparison(self) -> ModelComparisonResult | None:
        """The new model next to the one that was served."""
        return self.last(ModelComparisonResult)

    @property
    def gate(self) -> GateResult | None:
        """The gate's decision in short."""
        return self.last(GateResult)

    @property
    def by(self) -> str:
        """What documents call this DAG run."""
        return f"{self.dag_id}/{self.dag_run_id}"

    def spans_chart(self, now: datetime) -> Chart | None:
        """When each task worked; None before the first began."""
        begun = [step for step in self.steps if step.started_at is not None]
        if not begun:
            return None
        zero = min([moment for step in begun if (moment := step.started_at)] + [self.started_at or _LATEST])
        spans = []
        for step in begun:
            start = ((step.started_at or zero) - zero).total_seconds()
            spans.append((step.name, start, start + (step.seconds(now) or 0.0), step.state))
        return timing.task_spans(spans)

    def benchmark_chart(self) -> Chart | None:
        """The latencies of the load test."""
        benchmark = self.benchmark
        if benchmark is None or not benchmark.histogram:
            return None
        return timing.latency_histogram(benchmark.histogram, requests=benchmark.requests)
