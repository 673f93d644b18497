"""Runs of every kind: their status, their end, the key that submitted them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.history import HistoryRun, RunHistory
from azureml_workspace.azure_v1.submissions import KEY_PROPERTY, Submissions
from azureml_workspace.records import Run
from azureml_workspace.segments import segment
from azureml_workspace.statuses import RunStatus

AUTOML, PIPELINE, STEP = "automl", "pipeline", "step"
"""Values of `Run.run_type`."""
_PIPELINE_KIND, _STEP_KIND = "azureml.PipelineRun", "azureml.StepRun"
_STEP_TYPE, _AUTOML_STEP = "StepType", "AutoMLStep"
_FROM_SETTINGS = ("AMLSettingsJsonString", "DataPrepJsonString", "ProblemInfoJsonString", "dependencies_versions")
"""Properties that hold whole documents; nobody reads them in a list of properties."""


class RunCalls:
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    _azure: AzureConnection

    @cached_property
    def _history(self) -> RunHistory:
        return RunHistory(self._azure)

    @cached_property
    def _submissions(self) -> Submissions:
        return Submissions(self._history)

    def get_run(self, run_id: str) -> Run:
        """One request, and once per experiment another for its name."""
        return self._record(self._history.get(run_id))

    def find_run(self, submission_key: str) -> Run | None:
        """Read the key's marker, then the run."""
        found = self._submissions.find(submission_key)
        return None if found is None else self._record(found)

    def cancel_run(self, run_id: str) -> Run:
        """Ask the service that the run is of; a step stops with its pipeline run.

        Two requests, for a task that has five seconds: the status is not read again, and Azure is slow to show it.
        """
        run = self._history.get(run_id)
        if run.status.is_terminal:
            return self._record(run)
        self._cancel(run)
        return replace(self._record(run), status=RunStatus.CANCEL_REQUESTED)

    def _cancel(self, run: HistoryRun) -> None:
        kind = run_type(run)
        if kind == AUTOML:
            path = f"/experimentids/{segment('experiment', run.experiment_id)}/cancelrun/{segment('run', run.run_id)}"
            self._azure.call("POST", "jasmine", path, repeatable=True)
            return
        pipeline_run = run.parent_run_id if kind == STEP and run.parent_run_id else run.run_id
        path = f"/PipelineRuns/{segment('run', pipeline_run)}/Execution"
        self._azure.call("DELETE", "pipelines", path)

    def _record(self, run: HistoryRun) -> Run:
        error = run.error
        if run.status is RunStatus.CANCELED and not error:
            error = "the run was cancelled"
        elif run.status is RunStatus.FAILED and not error:
            error = "the run failed and Azure says no more; see its logs"
        return Run(
            run_id=run.run_id,
            experiment_name=self._history.experiment_name(run),
            run_type=run_type(run),
            status=run.status,
            created_at=run.created,
            portal_url=self._azure.portal_url(f"/runs/{run.run_id}"),
            started_at=run.started,
            ended_at=run.ended,
            submission_key=run.properties.get(KEY_PROPERTY),
            parent_run_id=run.parent_run_id,
            error=error if run.status.is_terminal else "",
            properties={name: value for name, value in run.properties.items() if name not in _FROM_SETTINGS},
        )


def run_type(run: HistoryRun) -> str:
    """What `Run.run_type` calls it; Azure's own word for a kind that the seam does not know."""
    if run.properties.get(_STEP_TYPE) == _AUTOML_STEP:
        return AUTOML
    return {AUTOML: AUTOML, _PIPELINE_KIND: PIPELINE, _STEP_KIND: STEP}.get(run.kind, run.kind)
