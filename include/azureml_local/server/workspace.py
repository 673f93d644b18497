"""Everything one server owns, wired together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azureml_local.automl.preflight import check_submission
from azureml_local.jobs.dispatcher import Dispatcher, JobCommand, automl_command, machine_cores
from azureml_local.jobs.files import read_result
from azureml_local.paths import Home
from azureml_local.server.instance import program_version
from azureml_local.services.manager import ServiceManager
from azureml_local.services.ports import DEFAULT_PORTS, PortRange
from azureml_local.store.computes import ComputeStore
from azureml_local.store.database import Database
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.links import Links
from azureml_local.store.models import ModelStore
from azureml_local.store.runs import RunStore
from azureml_local.store.services import ServiceStore
from azureml_workspace.errors import Conflict, RunFailed
from azureml_workspace.records import AutoMLResult, AutoMLSettings, ModelVersion, Run
from azureml_workspace.statuses import RunStatus


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
    """The stores, the dispatcher of runs and the manager of services of one state folder."""

    def __init__(self, config: WorkspaceConfig) -> None:
        self.home = config.home
        self._database = Database(config.home.database)
        links = Links(config.base_url)
        self.datasets = DatasetStore(self.home, self._database, links)
        self.computes = ComputeStore(self._database)
        self.runs = RunStore(self._database, links)
        self.models = ModelStore(self.home, self._database)
        self.dispatcher = Dispatcher(
            self.home, self.runs, self.datasets, command=config.job_command, cores=config.cores
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
        self.services.start()

    def close(self) -> None:
        """Stop looking after jobs and services; they go on without this process."""
        self.services.stop()
        self.dispatcher.stop()
        self._database.close()

    def submit_automl(self, settings: AutoMLSettings, submission_key: str) -> Run:
        """Queue a run, or find the one of this key (`Workspace.submit_automl`).

        :raises InvalidRequest: settings or data cannot work. :raises NotFound: no such dataset or compute target.
        """
        found = self.runs.find_submitted(submission_key)
        if found is not None:
            return found
        settings.validate()
        storage_key = self.datasets.storage_key(settings.dataset_name, settings.dataset_version)
        content = self.datasets.content(storage_key)
        counts = self.datasets.label_counts(storage_key, settings.label_column_name)
        check_submission(settings, content.columns, counts, content.rows)
        run, created = self.runs.submit(settings, submission_key, storage_key)
        if created:
            self.dispatcher.wake()
        return run

    def cancel_run(self, run_id: str) -> Run:
        """Ask for the run to stop. :raises NotFound:"""
        run = self.runs.request_cancel(run_id)
        self.dispatcher.wake()
        return run

    def automl_result(self, run_id: str) -> AutoMLResult:
        """:raises RunFailed: the run ended without one. :raises Conflict: it has not ended. :raises NotFound:"""
        run = self.runs.get(run_id)
        if not run.status.is_terminal:
            raise Conflict(f"run {run_id} is {run.status.value}; its result is there when it has completed.")
        if run.status is not RunStatus.COMPLETED:
            raise RunFailed(f"run {run_id} ended as {run.status.value}: {run.error}")
        file = read_result(self.home.run(run_id))
        if file is None or file.result is None:
            raise RunFailed(f"run {run_id} completed, but its result file is gone or damaged; run it again.")
        return file.result

    def register_model(self, name: str, run_id: str, tags: Mapping[str, str]) -> ModelVersion:
        """The best model of a completed run under `name`. :raises RunFailed, NotFound, InvalidRequest:"""
        return self.models.register(name, self.runs.get(run_id), tags)
