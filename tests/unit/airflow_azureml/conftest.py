"""A fake workspace, a task context, and an Airflow home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported

# isort: split
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from azureml_workspace.errors import NotFound, ServiceUnavailable
from azureml_workspace.records import (
    AutoMLProgress,
    AutoMLResult,
    AutoMLSettings,
    ColumnSchema,
    ComputeTarget,
    DataGuardFinding,
    DatasetSource,
    DatasetVersion,
    DeploySettings,
    Document,
    ModelVersion,
    RequestSummary,
    Run,
    ServiceKeys,
    WebService,
)
from azureml_workspace.statuses import RunStatus, ServiceState

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = "primary-key-0123456789"
TOKEN = "control-plane-token-0123456789"


class FakeWorkspace:
    """Answers from scripts: each look at a run or service takes the next status or state, the last for ever."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.columns = tuple(ColumnSchema(name=name, kind="integer") for name in ("age", "duration", "y"))
        self.dataset_tags: dict[str, str] = {}
        self.uploaded: bytes | None = None
        self.statuses: list[RunStatus | Exception] = [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.COMPLETED]
        self.progress: list[AutoMLProgress] = [progress(1), progress(3), progress(3)]
        self.run_error = ""
        self.runs: dict[str, str] = {}
        self.cancelled: list[str] = []
        self.on_get_run: Callable[[], None] = lambda: None
        self.states: list[ServiceState | Exception] = [ServiceState.TRANSITIONING, ServiceState.HEALTHY]
        self.service = service()
        self.telemetry: list[int] = [0, 1]
        self.rows: list[dict[str, Any]] = [{"age": 1, "duration": 2, "y": None}, {"age": 3, "duration": 4, "y": 1}]

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _said(self, name: str, what: Any = None) -> None:
        self.calls.append((name, what))

    def ping(self) -> str:
        return "fake workspace"

    def reopened(self, **limits: float) -> FakeWorkspace:
        self._said("reopened", limits)
        return self

    def read_document(self, path: str) -> Document:
        self._said("read_document", path)
        raise NotFound(f"no document {path}")

    def write_document(self, path: str, content: Any, *, expected: str | None) -> Document:
        self._said("write_document", path)
        return Document(path=path, etag="1", updated_at=NOW, content=content)

    def register_dataset(
        self, name: str, source: DatasetSource, *, tags: dict[str, str] | None = None
    ) -> DatasetVersion:
        self._said("register_dataset", source)
        self.uploaded = Path(source.path).read_bytes()
        self.dataset_tags = dict(tags or {})
        return replace(self.get_dataset(name, 1), created=True)

    def get_dataset(self, name: str, version: int | None = None) -> DatasetVersion:
        self._said("get_dataset", (name, version))
        return DatasetVersion(
            name=name,
            version=version or 7,
            fingerprint="sha256:" + "ab" * 32,
            rows=2,
            columns=self.columns,
            created_at=NOW,
            profile_uri="http://w/profile",
        )

    def take_rows(self, name: str, version: int, count: int) -> list[dict[str, Any]]:
        return self.rows[:count]

    def ensure_compute(self, target: ComputeTarget) -> ComputeTarget:
        self._said("ensure_compute", target)
        return target

    def submit_automl(self, settings: AutoMLSettings, *, submission_key: str) -> Run:
        self._said("submit_automl", (settings, submission_key))
        run_id = self.runs.setdefault(submission_key, f"run-{len(self.runs) + 1}")
        return run(run_id, RunStatus.QUEUED)

    def find_run(self, submission_key: str) -> Run | None:
        self._said("find_run", submission_key)
        return run(self.runs[submission_key], RunStatus.QUEUED) if submission_key in self.runs else None

    def get_run(self, run_id: str) -> Run:
        self._said("get_run", run_id)
        self.on_get_run()
        status = _next(self.statuses)
        return replace(run(run_id, status), error=self.run_error)

    def automl_progress(self, run_id: str) -> AutoMLProgress:
        look: AutoMLProgress = _next(self.progress)
        return look

    def automl_result(self, run_id: str) -> AutoMLResult:
        self._said("automl_result", run_id)
        return automl_result(run_id)

    def cancel_run(self, run_id: str) -> Run:
        self.cancelled.append(run_id)
        return run(run_id, RunStatus.CANCELED)

    def register_model(self, name: str, run_id: str, *, tags: dict[str, str] | None = None) -> ModelVersion:
        self._said("register_model", (name, run_id, tags))
        return ModelVersion(name=name, version=4, run_id=run_id, created_at=NOW)

    def get_model(self, name: str, version: int | None = None) -> ModelVersion:
        if name == "nobody":
            raise NotFound("no model 'nobody'")
        return ModelVersion(name=name, version=version or 9, run_id="r", created_at=NOW)

    def deploy(self, settings: DeploySettings) -> WebService:
        self._said("deploy", settings)
        self.service = replace(
            self.service,
            name=settings.service_name,
            model_name=settings.model_name,
            model_version=settings.model_version,
        )
        return replace(self.service, state=ServiceState.TRANSITIONING)

    def delete_service(self, name: str) -> None:
        self._said("delete_service", name)

    def get_service(self, name: str) -> WebService:
        self._said("get_service", name)
        return replace(self.service, name=name, state=_next(self.states))

    def set_app_insights(self, name: str, *, enabled: bool) -> WebService:
        self._said("set_app_insights", (name, enabled))
        self.service = replace(self.service, app_insights_enabled=enabled)
        return self.service

    def service_logs(self, name: str, *, tail: int = 200) -> str:
        return "loading model\nValueError: no such model file\n"

    def service_requests(self, name: str, *, since_seconds: float | None = None) -> RequestSummary:
        return RequestSummary(
            service_name=name,
            enabled=True,
            since=None,
            count=_next(self.telemetry),
            failed=0,
            rows=0,
            unseen_categories=0,
        )

    def service_keys(self, name: str) -> ServiceKeys:
        self._said("service_keys", name)
        return ServiceKeys(primary=KEY, secondary="secondary-key-0123456789")


def _next(script: list[Any]) -> Any:
    value = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(value, Exception):
        raise value
    return value


def run(run_id: str, status: RunStatus) -> Run:
    return Run(
        run_id=run_id,
        experiment_name="e",
        run_type="automl",
        status=status,
        created_at=NOW,
        portal_url=f"http://portal/{run_id}",
    )


def progress(done: int, *, failed: int = 0) -> AutoMLProgress:
    return AutoMLProgress(
        run_id="run-1",
        phase="search",
        trials_done=done,
        trials_failed=failed,
        best_score=0.9 + done / 100,
        best_algorithm="LightGBM",
        elapsed_seconds=20,
        time_limit_seconds=60,
    )


def automl_result(run_id: str) -> AutoMLResult:
    return AutoMLResult(
        run_id=run_id,
        best_child_run_id=f"{run_id}_5",
        best_algorithm="VotingEnsemble",
        primary_metric="AUC_weighted",
        metrics={f"metric_number_{n}": 0.123456789 for n in range(25)} | {"AUC_weighted": 0.9512},
        validation="5-fold cross-validation",
        child_runs=6,
        classes=("no", "yes"),
        rows_used=32950,
        rows_dropped=0,
        findings=tuple(
            DataGuardFinding(
                guard=f"guard{n}", severity="warning", message="m" * 900, action="none", columns=("a",) * 99
            )
            for n in range(40)
        ),
        feature_importance={f"column {n}": 0.1 for n in range(3000)},
    )


def service() -> WebService:
    return WebService(
        name="svc-a",
        state=ServiceState.HEALTHY,
        scoring_uri="http://127.0.0.1:9/score",
        swagger_uri="http://127.0.0.1:9/swagger.json",
        model_name="m",
        model_version=4,
        auth_enabled=True,
        app_insights_enabled=False,
        response_format="string",
        created_at=NOW,
        updated_at=NOW,
    )


class TaskContext(dict[str, Any]):
    """What an operator reads of Airflow's context; `xcom` is what it pushed."""

    def __init__(
        self,
        *,
        run_id: str = "manual__1",
        task_id: str = "automl_run",
        map_index: int | None = -1,
        try_number: int = 1,
        max_tries: int = 2,
    ) -> None:
        self.xcom: dict[str, Any] = {}
        ti = SimpleNamespace(
            dag_id="d",
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            try_number=try_number,
            max_tries=max_tries,
            xcom_push=lambda *, key, value: self.xcom.__setitem__(key, value),
        )
        super().__init__(ti=ti, task_state_store=TaskStateStore())


class TaskStateStore(dict[str, Any]):
    """Airflow's, which outlives the tries and clears of a task."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


@pytest.fixture
def context() -> TaskContext:
    return TaskContext()


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    """The workspace that every hook opens."""
    fake = FakeWorkspace()
    connection = {"conn_type": "azureml", "host": "http://127.0.0.1:8790", "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", json.dumps(connection))
    monkeypatch.setattr("airflow_azureml.hook.open_workspace", lambda *_args, **_kwargs: fake)
    # As many looks at what was submitted meanwhile, and no wait between them.
    monkeypatch.setattr("airflow_azureml.operators._remote_run.time", SimpleNamespace(sleep=lambda _: None))
    return fake


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only by sleeping; a one-element list with the seconds slept."""
    slept = [0.0]

    def sleep(seconds: float) -> None:
        slept[0] += seconds

    fake = SimpleNamespace(monotonic=lambda: slept[0], sleep=sleep)
    monkeypatch.setattr("airflow_azureml._waiting.time", fake)
    monkeypatch.setattr("airflow_azureml._run_progress.time", fake)
    return slept


class TaskStates(dict[str, dict[str, Any]]):
    """What Airflow says of the states of tasks, by DAG run and task; or the error that it gives."""

    def __init__(self) -> None:
        super().__init__({"manual__1": {"automl_run": "failed"}})
        self.error: Exception | None = None
        self.asked: list[dict[str, Any]] = []

    def say(self, state: str | None) -> None:
        self["manual__1"]["automl_run"] = state  # type: ignore[assignment]

    def __call__(self, **asked: Any) -> dict[str, dict[str, Any]]:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        return self


@pytest.fixture(autouse=True)
def states(monkeypatch: pytest.MonkeyPatch) -> TaskStates:
    """Of a task that a person marked as failed."""
    states = TaskStates()
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", states)
    return states


@pytest.fixture(autouse=True)
def _called_by_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow warns when `execute` is called by anyone but its task runner."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)


def unavailable() -> ServiceUnavailable:
    return ServiceUnavailable("the server does not answer")
