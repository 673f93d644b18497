"""AutoML runs: submitted, followed, and read when they are done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from azureml_workspace.azure_v1.automl_checks import check_submission, refuse_what_only_the_local_one_has
from azureml_workspace.azure_v1.automl_documents import (
    DATASET_PROPERTY,
    ROWS_PROPERTY,
    TIME_LIMIT_PROPERTY,
    UNLABELLED_PROPERTY,
    child_record,
    classes_of,
    findings_of,
    is_trial,
    iteration_of,
    rows_of,
    time_limit_minutes,
    unlabelled_rows_of,
    validation_of,
)
from azureml_workspace.azure_v1.compute import ComputeCalls
from azureml_workspace.azure_v1.datasets import DatasetCalls
from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.mlflow import metrics_of_children, metrics_of_run
from azureml_workspace.azure_v1.run_files import RunFileCalls
from azureml_workspace.azure_v1.runs import AUTOML, run_type
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, RunFailed
from azureml_workspace.records import AutoMLProgress, AutoMLResult, AutoMLSettings, ChildRun, Run
from azureml_workspace.statuses import RunStatus

_SUBMISSION_SECONDS = 300.0
_VERIFIER_RESULTS, _CONFUSION_MATRIX = "outputs/verifier_results.json", "confusion_matrix"
"""Files of the run, and of its best child."""


class AutoMLCalls(ComputeCalls, DatasetCalls, RunFileCalls):
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    def submit_automl(self, settings: AutoMLSettings, *, submission_key: str) -> Run:
        """Check what can be checked here, then let the SDK submit: AutoML itself checks the data."""
        settings.validate()
        refuse_what_only_the_local_one_has(settings)
        found = self._submissions.submitted(submission_key)
        if found is not None:
            return self._record(found)
        _, profile = self._profile(settings.dataset_name, settings.dataset_version)
        label = check_submission(settings, profile, is_own_cloud=self._azure.settings.cloud_metadata_url is not None)
        self._find_compute(settings.compute_target)
        of_data = {
            TIME_LIMIT_PROPERTY: str(settings.experiment_timeout_minutes),
            DATASET_PROPERTY: f"{settings.dataset_name}:{settings.dataset_version}",
            ROWS_PROPERTY: str(profile.rows - label.nulls),
            UNLABELLED_PROPERTY: str(label.nulls),
        }

        def submit(of_key: Mapping[str, str]) -> str:
            arguments = {"settings": settings.to_dict(), "properties": {**of_key, **of_data}}
            return str(self._azure.sdk.call("submit_automl", arguments, seconds=_SUBMISSION_SECONDS))

        run_id = self._submissions.submit(submission_key, settings.experiment_name, submit, self.cancel_run)
        return self.get_run(run_id)

    def list_child_runs(self, run_id: str) -> list[ChildRun]:
        """The trials from run history, their metrics from MLflow: a few requests, however many trials there are."""
        run = self._automl_run(run_id)
        trials = self._trials(run)
        metrics = metrics_of_children(self._azure, run) if trials else {}
        return [child_record(trial, metrics.get(trial.run_id, {})) for trial in trials]

    def automl_progress(self, run_id: str) -> AutoMLProgress:
        """The run and its trials: two requests. `phase` is the run's status: Azure has no finer one for a request."""
        run = self._automl_run(run_id)
        trials = [child_record(trial, {}) for trial in self._trials(run)]
        scored = [trial for trial in trials if trial.score is not None]
        best = max(scored, key=lambda trial: trial.score or 0.0, default=None)
        end = run.ended or datetime.now(UTC)
        return AutoMLProgress(
            run_id=run_id,
            phase=run.status.value,
            trials_done=sum(trial.status.is_terminal for trial in trials),
            trials_failed=sum(trial.status is RunStatus.FAILED for trial in trials),
            best_score=best.score if best else None,
            best_algorithm=best.algorithm if best else None,
            elapsed_seconds=max(0.0, (end - run.started).total_seconds()) if run.started else 0.0,
            time_limit_seconds=time_limit_minutes(run) * 60,
        )

    def automl_result(self, run_id: str) -> AutoMLResult:
        """What Azure keeps of a completed run and its best child.

        Azure drops rows without a label and does not say how many; they were counted when the run was submitted. Its
        explanations have no documented form, so there is no `feature_importance`.
        """
        run = self._automl_run(run_id)
        if not run.status.is_terminal:
            raise Conflict(f"run {run_id} is {run.status.value}; its result is there when it has completed.")
        if run.status is not RunStatus.COMPLETED:
            raise RunFailed(f"run {run_id} ended as {run.status.value}: {self._record(run).error}")
        best_id = self._history.best_child(run)
        if best_id is None:
            raise RunFailed(f"run {run_id} completed and names no best child; look at its child runs.")
        best = child_record(self._history.get(best_id), metrics_of_run(self._azure, best_id))
        primary = run.properties.get("primary_metric", "")
        score = {} if best.score is None else {primary: best.score}
        return AutoMLResult(
            run_id=run_id,
            best_child_run_id=best_id,
            best_algorithm=best.algorithm,
            primary_metric=primary,
            metrics=score | best.metrics,
            validation=validation_of(run),
            child_runs=len(self._trials(run)),
            classes=classes_of(self._optional_file(best_id, _CONFUSION_MATRIX)),
            rows_used=rows_of(run),
            rows_dropped=unlabelled_rows_of(run),
            findings=findings_of(self._optional_file(run_id, _VERIFIER_RESULTS)),
        )

    def _automl_run(self, run_id: str) -> HistoryRun:
        """:raises NotFound: :raises InvalidRequest: it is a run of another kind."""
        run = self._history.get(run_id)
        if run_type(run) != AUTOML:
            raise InvalidRequest(f"run {run_id} is no AutoML run (it is of type {run_type(run)}).")
        return run

    def _trials(self, run: HistoryRun) -> list[HistoryRun]:
        """By iteration. AutoML has other child runs too, which set it up."""
        return sorted(filter(is_trial, self._history.children(run)), key=iteration_of)

    def _optional_file(self, run_id: str, path: str) -> bytes | None:
        try:
            return self._artifacts.read(run_id, path)
        except NotFound:
            return None
