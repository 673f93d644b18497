"""Everything one server owns, wired together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azureml_local.jobs.dispatcher import Dispatcher, JobCommand, automl_command, machine_cores
from azureml_local.jobs.results import automl_result
from azureml_local.jobs.submission import AutoMLRuns
from azureml_local.paths import Home
from azureml_local.pipelines.manager import PipelineManager
from azureml_local.pipelines.orchestrator import Orchestrator
from azureml_local.server.instance import program_version
from azureml_local.services.manager import ServiceManager
from azureml_local.services.ports import DEFAULT_PORTS, PortRange
from azureml_local.store.computes import ComputeStore
from azureml_local.store.database import Database
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.documents import DocumentStore
from azureml_local.store.links import Links
from azureml_local.store.models import ModelStore
from azureml_local.store.pipeline_run_records import PIPELINE_RUN, STEP_RUN, StoredPipelineRun
from azureml_local.store.pipeline_runs import PipelineRunStore
from azureml_local.store.pipelines import PipelineStore
from azureml_local.store.runs import RunStore
from azureml_local.store.services import ServiceStore
from azureml_workspace.errors import Conflict, InvalidRequest
from azureml_workspace.records import AutoMLResult, AutoMLSettings, ModelVersion, Run


@dataclass(frozen=True, kw_only=True)
class WorkspaceConfig:
    """What a workspace is told at start-up. Web services listen on `host`; clients are told `advertised_host`."""

    home: Home
    base_url: str
    host: str = "127.0.0.1"
    advertised_host: str | None = None
    service_ports: PortRange = DEFAULT_PORTS
    job_command: JobCommand = automl_command
    cores: int | None = None


class LocalWorkspace:
    """The stores, the dispatcher of runs, and the managers of pipelines and of services of one state folder."""

    def __init__(self, config: WorkspaceConfig) -> None:
        self.home = config.home
        self.base_url = config.base_url
        self._database = Database(config.home.database)
        links = Links(config.base_url)
        self.datasets = DatasetStore(self.home, self._database, links)
        self.computes = ComputeStore(self._database)
        self.runs = RunStore(self._database, links)
        self.models = ModelStore(self.home, self._database)
        self.documents = DocumentStore(self._database)
        self.dispatcher = Dispatcher(
            self.home, self.runs, self.datasets, command=config.job_command, cores=config.cores
        )
        self._automl = AutoMLRuns(self.runs, self.datasets, self.dispatcher.wake)
        published, pipeline_runs = PipelineStore(self._database, links), PipelineRunStore(self._database, links)
        self.orchestrator = Orchestrator(self.home, published, pipeline_runs, self._automl, self.models)
        self.pipelines = PipelineManager(
            self.home,
            published,
            pipeline_runs,
            automl=self._automl,
            datasets=self.datasets,
            computes=self.computes,
            wake=self.orchestrator.wake,
        )
        self.services = ServiceManager(
            self.home,
            ServiceStore(self._database),
            self.models,
            host=config.host,
            ports=config.service_ports,
            advertised_host=config.advertised_host,
        )

    @property
    def description(self) -> str:
        """Which workspace this is, in one line."""
        return f"local Azure ML {program_version()} in {self.home.root} ({machine_cores()} cores)"

    def start(self) -> None:
        """Clear what was left half-made, take up what still runs, and go on with what waits."""
        self.home.sweep()
        self.datasets.remove_unnamed_content()
        self.dispatcher.start()
        self.orchestrator.start()
        self.services.start()

    def close(self) -> None:
        """Stop looking after jobs, pipeline runs and services; processes go on without this one."""
        self.services.stop()
        self.orchestrator.stop()
        self.dispatcher.stop()
        self._database.close()

    def check_automl(self, settings: AutoMLSettings) -> None:
        """Refuse what `submit_automl` would refuse, and submit nothing. :raises InvalidRequest, NotFound:"""
        self._automl.check(settings)
        self.computes.require(settings.compute_target)

    def submit_automl(self, settings: AutoMLSettings, submission_key: str, *, run_id: str | None = None) -> Run:
        """Queue a run, or find the one of this key (`Workspace.submit_automl`). `run_id`: see `RunStore.submit`.

        :raises InvalidRequest: settings or data cannot work. :raises NotFound: no such dataset or compute target.
        """
        return self._automl.submit(settings, submission_key, run_id=run_id)

    def get_run(self, run_id: str) -> Run:
        """A run of whatever kind. :raises NotFound:"""
        found = self.pipelines.runs.find(run_id)
        if found is not None:
            return found.run
        return self.pipelines.runs.find_step_run(run_id) or self.runs.get(run_id)

    def find_run(self, submission_key: str) -> Run | None:
        """The run that submitting this key again would find."""
        return self.runs.find_submitted(submission_key) or self.pipelines.runs.find_submitted(submission_key)

    def list_runs(self, experiment: str | None = None) -> list[Run]:
        """AutoML runs and pipeline runs, the newest first; those of one experiment when it is named."""
        runs = [*self.pipelines.runs.list_all(experiment), *self.runs.list_all(experiment)]
        return sorted(runs, key=lambda run: run.created_at, reverse=True)

    def require_automl_run(self, run_id: str) -> Run:
        """:raises InvalidRequest: the run is of another kind. :raises NotFound:"""
        run = self.get_run(run_id)
        if run.run_type == PIPELINE_RUN:
            raise InvalidRequest(
                f"run {run_id} is a pipeline run; ask for its steps (GET /v1/runs/{run_id}/steps), of which one is "
                "the AutoML run."
            )
        if run.run_type == STEP_RUN:
            raise InvalidRequest(f"run {run_id} is a step of a pipeline run and no AutoML run.")
        return run

    def require_pipeline_run(self, run_id: str) -> StoredPipelineRun:
        """:raises InvalidRequest: the run is of another kind. :raises NotFound:"""
        found = self.pipelines.runs.find(run_id)
        if found is None:
            run = self.get_run(run_id)
            raise InvalidRequest(f"run {run_id} is not a pipeline run (it is of type {run.run_type}).")
        return found

    def cancel_run(self, run_id: str) -> Run:
        """Ask for the run to stop; a step that is no AutoML run stops with its pipeline run. :raises NotFound:"""
        run = self.get_run(run_id)
        if run.run_type == PIPELINE_RUN:
            self.pipelines.cancel(run_id)
        elif run.run_type == STEP_RUN:
            self.pipelines.cancel(run.parent_run_id or "")
        else:
            return self._automl.cancel(run_id)
        return self.get_run(run_id)

    def automl_result(self, run_id: str) -> AutoMLResult:
        """:raises RunFailed: the run ended without one. :raises Conflict: it has not ended. :raises NotFound:"""
        return automl_result(self.home, self.require_automl_run(run_id))

    def register_model(self, name: str, run_id: str, tags: Mapping[str, str]) -> ModelVersion:
        """The best model of a completed run under `name`. :raises RunFailed, NotFound, InvalidRequest:"""
        return self.models.register(name, self.require_automl_run(run_id), tags)

    def delete_model(self, name: str, version: int) -> None:
        """Forget a model version. :raises NotFound: :raises Conflict: a web service needs it."""
        users = self.services.uses_model(name, version)
        if users:
            raise Conflict(f"model {name}:{version} is used by web service {', '.join(users)}; delete that first.")
        self.models.delete(name, version)
