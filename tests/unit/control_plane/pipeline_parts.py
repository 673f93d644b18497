"""A workspace's pipelines without threads and jobs: a test says when AutoML ends, and looks step by step."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_local.files import write_json
from azureml_local.jobs.files import RESULT_FILE
from azureml_local.jobs.submission import AutoMLRuns
from azureml_local.paths import Home
from azureml_local.pipelines.manager import PipelineManager, Submitted
from azureml_local.pipelines.orchestrator import Orchestrator
from azureml_local.store.computes import ComputeStore
from azureml_local.store.database import Database
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.links import Links
from azureml_local.store.models import OUTPUTS, PACKAGE_FILES, ModelStore
from azureml_local.store.pipeline_runs import PipelineRunStore
from azureml_local.store.pipelines import PipelineStore
from azureml_local.store.runs import RunStore
from azureml_workspace.records import AutoMLConfig, PipelineDefinition, PipelineSubmission, Run, StepRun
from azureml_workspace.statuses import RunStatus

LABELLED = "x,y\n" + "".join(f"{row},{'yes' if row % 3 else 'no'}\n" for row in range(60))


def definition(**changes: object) -> PipelineDefinition:
    """A definition on the dataset `people`, with changes; those of its AutoML part by their names."""
    automl = {name: changes.pop(name) for name in list(changes) if name in AutoMLConfig.__dataclass_fields__}
    plain: dict[str, object] = {"name": "bank", "model_name": "bank-model", "experiment_name": "retrain"}
    config = {"dataset_name": "people", "label_column_name": "y", **automl}
    return PipelineDefinition.from_dict({**plain, "automl": config, **changes})


@dataclass
class Pipelines:
    """The parts, on the stores of a test."""

    home: Home
    published: PipelineStore
    pipeline_runs: PipelineRunStore
    automl_runs: RunStore
    models: ModelStore
    manager: PipelineManager
    orchestrator: Orchestrator

    @classmethod
    def on(
        cls,
        home: Home,
        database: Database,
        links: Links,
        *,
        datasets: DatasetStore,
        computes: ComputeStore,
        runs: RunStore,
        models: ModelStore,
    ) -> Pipelines:
        """The parts, wired as the server does."""
        published, pipeline_runs = PipelineStore(database, links), PipelineRunStore(database, links)
        automl = AutoMLRuns(runs, datasets, lambda: None)
        orchestrator = Orchestrator(home, published, pipeline_runs, automl, models)
        manager = PipelineManager(
            home,
            published,
            pipeline_runs,
            automl=automl,
            datasets=datasets,
            computes=computes,
            wake=orchestrator.wake,
        )
        return cls(home, published, pipeline_runs, runs, models, manager, orchestrator)

    def submit(self, key: str | None = None, pipeline_id: str | None = None, **parameters: str) -> Run:
        """A run of the default version of `bank`, published when it is not there."""
        wanted = pipeline_id or self.manager.publish(definition()).pipeline_id
        return self.manager.submit(wanted, Submitted(submission=PipelineSubmission(parameters=parameters), key=key))

    def look(self, run_id: str) -> Run:
        """Look once; gives the run as it is then."""
        self.orchestrator.step()
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """The pipeline run."""
        found = self.pipeline_runs.find(run_id)
        assert found is not None
        return found.run

    def step(self, run_id: str, name: str) -> StepRun:
        """One of its steps."""
        found = self.pipeline_runs.find(run_id)
        assert found is not None
        return found.step(name)

    def steps(self, run_id: str) -> list[tuple[str, RunStatus, str]]:
        """Name, status and error of its steps."""
        found = self.pipeline_runs.find(run_id)
        assert found is not None
        return [(step.name, step.status, step.error) for step in found.steps]

    def complete_automl(self, run_id: str) -> None:
        """Let an AutoML run end as its job and the dispatcher would."""
        folder = self.home.run(run_id)
        (folder / OUTPUTS).mkdir(parents=True, exist_ok=True)
        for name in PACKAGE_FILES:
            (folder / OUTPUTS / name).write_bytes(b"x")
        result = {
            "run_id": run_id,
            "best_child_run_id": f"{run_id}_1",
            "best_algorithm": "LightGBM",
            "primary_metric": "AUC_weighted",
            "metrics": {"AUC_weighted": 0.9},
            "validation": "none, this is a test",
            "child_runs": 2,
            "classes": ["no", "yes"],
            "rows_used": 60,
            "rows_dropped": 0,
        }
        write_json(folder / RESULT_FILE, {"status": "Completed", "result": result})
        properties = {"best_algorithm": "LightGBM", "best_score": "0.9"}
        self.automl_runs.finish(run_id, RunStatus.COMPLETED, "", properties)

    def log(self, run_id: str, name: str = "pipeline") -> str:
        """What the log of a run says."""
        return (self.home.run(run_id) / "logs" / f"{name}.log").read_text()
