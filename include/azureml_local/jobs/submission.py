"""The one way into the queue, for people's AutoML runs and for those of pipelines."""

from __future__ import annotations

from collections.abc import Callable

from azureml_local.automl.preflight import check_submission
from azureml_local.jobs.pipeline_check import check_custom_pipelines
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.runs import RunStore
from azureml_workspace.records import AutoMLSettings, Run


class AutoMLRuns:
    """Submits and cancels AutoML runs. `wake` tells the dispatcher."""

    def __init__(self, runs: RunStore, datasets: DatasetStore, wake: Callable[[], None]) -> None:
        self.store = runs
        self._datasets = datasets
        self._wake = wake

    def check(self, settings: AutoMLSettings) -> str:
        """Refuse what cannot work; gives the storage key of the data.

        :raises InvalidRequest: settings or data cannot work. :raises NotFound: no such dataset version.
        """
        settings.validate()
        storage_key = self._datasets.storage_key(settings.dataset_name, settings.dataset_version)
        content = self._datasets.content(storage_key)
        counts = self._datasets.label_counts(storage_key, settings.label_column_name)
        check_submission(settings, content.columns, counts, content.rows)
        check_custom_pipelines(settings)
        return storage_key

    def submit(
        self,
        settings: AutoMLSettings,
        submission_key: str,
        *,
        parent_run_id: str | None = None,
        run_id: str | None = None,
    ) -> Run:
        """Queue a run, or find the one of this key (`Workspace.submit_automl`). `run_id`: see `RunStore.submit`.

        :raises InvalidRequest: settings or data cannot work. :raises NotFound: no such dataset or compute target.
        """
        found = self.store.find_submitted(submission_key)
        if found is not None:
            return found
        storage_key = self.check(settings)
        run, created = self.store.submit(
            settings, submission_key, storage_key, parent_run_id=parent_run_id, run_id=run_id
        )
        if created:
            self._wake()
        return run

    def cancel(self, run_id: str) -> Run:
        """Ask for the run to stop. :raises NotFound:"""
        run = self.store.request_cancel(run_id)
        self._wake()
        return run
