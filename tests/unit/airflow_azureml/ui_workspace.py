"""A workspace for the pages: it answers from records that a test puts in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import tests.airflow_home  # noqa: F401  # before Airflow is imported

from airflow_azureml._submission import task_mark
from airflow_azureml.ui.places import TaskPlace
from azureml_workspace.errors import NotFound
from azureml_workspace.records import (
    AutoMLConfig,
    AutoMLProgress,
    AutoMLResult,
    ChildRun,
    DataGuardFinding,
    ModelVersion,
    PipelineDefinition,
    PipelineResult,
    PublishedPipeline,
    Run,
    StepRun,
)
from azureml_workspace.statuses import PipelineStatus, RunStatus

PLACE = TaskPlace(dag_id="d", dag_run_id="manual__1+00:00", task_id="g.t", map_index=-1, reads_logs=True)
"""The task that submitted all runs here."""

NOW = datetime(2026, 11, 21, 5, 13, 48, tzinfo=UTC)


@dataclass
class PageWorkspace:
    """What the pages ask of a workspace. `trouble` is raised by every call, `late` by those
    for trials and logs."""

    runs: dict[str, Run] = field(default_factory=dict)
    children: list[ChildRun] = field(default_factory=list)
    steps: list[StepRun] = field(default_factory=list)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    result: AutoMLResult | None = None
    made: PipelineResult | None = None
    pipelines: list[PublishedPipeline] = field(default_factory=list)
    trouble: Exception | None = None
    late: Exception | None = None
    logs_read: list[tuple[str, str]] = field(default_factory=list)

    def get_run(self, run_id: str) -> Run:
        if self.trouble is not None:
            raise self.trouble
        if run_id not in self.runs:
            raise NotFound(f"there is no run {run_id!r}.")
        return self.runs[run_id]

    def list_child_runs(self, run_id: str) -> list[ChildRun]:
        if self.late is not None:
            raise self.late
        return self.children

    def automl_progress(self, run_id: str) -> AutoMLProgress:
        return AutoMLProgress(
            run_id=run_id,
            phase="search",
            trials_done=len(self.children),
            trials_failed=0,
            best_score=0.91234567,
            best_algorithm="LightGBM",
            elapsed_seconds=20,
            time_limit_seconds=60,
        )

    def automl_result(self, run_id: str) -> AutoMLResult:
        assert self.result is not None
        return self.result

    def list_run_files(self, run_id: str) -> list[str]:
        return [path for owner, path in self.files if owner == run_id]

    def read_run_file(self, run_id: str, path: str) -> bytes:
        if (run_id, path) not in self.files:
            raise NotFound(f"run {run_id} has no file {path!r}.")
        return self.files[run_id, path]

    def run_log(self, run_id: str, path: str, *, tail: int) -> str:
        if self.late is not None:
            raise self.late
        self.logs_read.append((run_id, path))
        if (run_id, path) not in self.files:
            raise NotFound(f"run {run_id} has no file {path!r}.")
        return "\n".join(self.files[run_id, path].decode(errors="replace").splitlines()[-tail:])

    def list_step_runs(self, run_id: str) -> list[StepRun]:
        return self.steps

    def pipeline_result(self, run_id: str) -> PipelineResult:
        assert self.made is not None
        return self.made

    def get_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        if self.trouble is not None:
            raise self.trouble
        return next(pipeline for pipeline in self.pipelines if pipeline.pipeline_id == pipeline_id)

    def list_pipelines(self, name: str | None = None) -> list[PublishedPipeline]:
        return [pipeline for pipeline in self.pipelines if pipeline.name == name]


def a_run(run_id: str = "AutoML_1", *, status: RunStatus = RunStatus.COMPLETED, run_type: str = "automl") -> Run:
    """Created 100 s ago, started after 10 s; it took 80 s when it has ended."""
    return Run(
        run_id=run_id,
        experiment_name="bank",
        run_type=run_type,
        status=status,
        created_at=NOW - timedelta(seconds=100),
        portal_url="http://127.0.0.1:8790/v1/runs/AutoML_1",
        submission_key=f"{task_mark(PLACE.dag_id, PLACE.dag_run_id, PLACE.task_id, PLACE.map_index)}1",
        started_at=NOW - timedelta(seconds=90),
        ended_at=NOW - timedelta(seconds=10) if status.is_terminal else None,
        properties={"dataset": "bank:3", "primary_metric": "AUC_weighted", "iterations": ""},
    )


def a_trial(iteration: int, score: float | None, *, algorithm: str = "LightGBM") -> ChildRun:
    status = RunStatus.COMPLETED if score is not None else RunStatus.FAILED
    return ChildRun(
        run_id=f"AutoML_1_{iteration}",
        parent_run_id="AutoML_1",
        iteration=iteration,
        algorithm=algorithm,
        status=status,
        score=score,
        duration_seconds=1.25,
        error="" if score is not None else "ValueError: no such thing",
    )


def a_result() -> AutoMLResult:
    return AutoMLResult(
        run_id="AutoML_1",
        best_child_run_id="AutoML_1_2",
        best_algorithm="VotingEnsemble",
        primary_metric="AUC_weighted",
        metrics={"accuracy": 0.9, "AUC_weighted": 0.951234567, "log_loss": 0.2},
        validation="5-fold cross-validation",
        child_runs=3,
        classes=("no", "yes"),
        rows_used=32950,
        rows_dropped=2,
        findings=(
            DataGuardFinding(
                guard="class_imbalance", severity="warning", message="few 'yes'", action="kept", columns=("y",)
            ),
        ),
    )


def completed_automl() -> PageWorkspace:
    return PageWorkspace(
        runs={"AutoML_1": a_run()},
        children=[a_trial(0, 0.91), a_trial(1, None), a_trial(2, 0.951234567, algorithm="VotingEnsemble")],
        files={("AutoML_1", "logs/job.log"): b"phase search\nphase finalize\n"},
        result=a_result(),
    )


def a_step(name: str, run_id: str | None, status: RunStatus) -> StepRun:
    return StepRun(
        name=name,
        parent_run_id="p-1",
        run_id=run_id,
        status=status,
        started_at=NOW - timedelta(seconds=90) if run_id else None,
        ended_at=NOW - timedelta(seconds=10) if status.is_terminal else None,
    )


def running_pipeline() -> PageWorkspace:
    """Its AutoML step runs, and the other step has not started."""
    step = replace(a_run(status=RunStatus.RUNNING), parent_run_id="p-1")
    return PageWorkspace(
        runs={"p-1": a_run("p-1", status=RunStatus.RUNNING, run_type="pipeline"), "AutoML_1": step},
        steps=[
            a_step("automl", "AutoML_1", RunStatus.RUNNING),
            a_step("register_model", None, RunStatus.NOT_STARTED),
        ],
        files={("p-1", "logs/pipeline.log"): b"submitted", ("AutoML_1", "logs/step.log"): b"the step began"},
    )


def completed_pipeline() -> PageWorkspace:
    workspace = running_pipeline()
    workspace.runs["p-1"] = a_run("p-1", run_type="pipeline")
    workspace.runs["AutoML_1"] = replace(a_run(), parent_run_id="p-1")
    workspace.files["r-1", "logs/step.log"] = b"registered"
    workspace.steps = [
        a_step("automl", "AutoML_1", RunStatus.COMPLETED),
        a_step("register_model", "r-1", RunStatus.COMPLETED),
    ]
    workspace.result = a_result()
    workspace.made = PipelineResult(
        run_id="p-1",
        pipeline_id="id-2",
        pipeline_name="bank-train",
        pipeline_version=2,
        dataset_name="bank",
        dataset_version=3,
        automl=a_result(),
        model=ModelVersion(name="bank-model", version=7, run_id="AutoML_1", created_at=NOW),
    )
    return workspace


def a_pipeline(version: int, *, status: PipelineStatus = PipelineStatus.ACTIVE) -> PublishedPipeline:
    return PublishedPipeline(
        pipeline_id=f"id-{version}",
        name="bank-train",
        version=version,
        status=status,
        is_default=version == 2,
        endpoint=f"http://127.0.0.1:8790/submit/id-{version}",
        pipeline_endpoint="http://127.0.0.1:8790/submit/by-name",
        definition=PipelineDefinition(
            name="bank-train",
            automl=AutoMLConfig(dataset_name="bank", label_column_name="y"),
            model_name="bank-model",
            experiment_name="bank",
        ),
        created_at=NOW,
        portal_url="",
    )
