"""The orchestrator: takes every pipeline run from step to step, in one thread.

Where a run stands is in the database alone, and each look does what is left to do from there. So nothing is lost with
this process: the next orchestrator goes on, and what was done but not noted is found and not done again.
"""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from azureml_local.background import BackgroundLoop
from azureml_local.files import sweep_temporaries, write_json
from azureml_local.jobs.results import automl_result
from azureml_local.jobs.submission import AutoMLRuns
from azureml_local.paths import Home
from azureml_local.pipelines.files import MODEL_OUTPUT, PIPELINE_LOG, RESULT_OUTPUT, STEP_LOG, tell
from azureml_local.pipelines.story import last_line, model_tags, result_line, step_story, submission_story
from azureml_local.store.models import OUTPUTS, ModelStore
from azureml_local.store.pipeline_run_records import (
    AUTOML_RUN_ID,
    MODEL,
    PASSED_ON,
    REGISTRATION_SCRIPT,
    StepEnd,
    StepStart,
    StoredPipelineRun,
)
from azureml_local.store.pipeline_runs import PipelineRunStore
from azureml_local.store.pipelines import PipelineStore
from azureml_local.troubles import TroubleLog
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import StorageFull, WorkspaceError
from azureml_workspace.records import (
    AUTOML_STEP,
    REGISTER_STEP,
    AutoMLResult,
    ModelVersion,
    PipelineResult,
    PublishedPipeline,
    Run,
    StepRun,
)
from azureml_workspace.statuses import RunStatus

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
_IDLE_SECONDS = 5.0


class Orchestrator:
    """Owns the changes of pipeline runs while the server runs."""

    def __init__(
        self, home: Home, pipelines: PipelineStore, runs: PipelineRunStore, automl: AutoMLRuns, models: ModelStore
    ) -> None:
        self._home = home
        self._pipelines = pipelines
        self._runs = runs
        self._automl = automl
        self._models = models
        self._troubles = TroubleLog(logger)
        self._loop = BackgroundLoop("orchestrator", self.step, self._troubles)

    def start(self) -> None:
        """Go on with the runs that an earlier server left, in the background."""
        for found in self._runs.active():
            for folder in self._own_folders(found):
                sweep_temporaries(folder / OUTPUTS)
        self._loop.start()

    def wake(self) -> None:
        """Look at the runs now: one was submitted or cancelled."""
        self._loop.wake()

    def stop(self) -> None:
        """Stop. The next server goes on where this one stood."""
        self._loop.stop()

    def step(self) -> float:
        """Look at every run once; gives the seconds until the next look is worth it."""
        active = self._runs.active()
        for found in active:
            self._troubles.attempt(f"pipeline run {found.run.run_id}", partial(self._look_at, found))
        return POLL_SECONDS if active else _IDLE_SECONDS

    def _look_at(self, found: StoredPipelineRun) -> None:
        automl = found.step(AUTOML_STEP)
        if automl.run_id is None:
            self._start_automl(found)
        elif not automl.status.is_terminal:
            self._follow_automl(found, automl, self._automl.store.get(automl.run_id))
        elif found.is_cancelled:
            self._finish(found, RunStatus.CANCELED, "cancelled on request")
        else:
            self._register(found, self._automl.store.get(automl.run_id))

    # The AutoML step

    def _start_automl(self, found: StoredPipelineRun) -> None:
        run_id = found.run.run_id
        # Not by its key alone: the run that a killed server submitted may have been cancelled by now.
        run = self._automl.store.find_step(run_id)
        if run is None and found.is_cancelled:
            self._finish(found, RunStatus.CANCELED, "cancelled before it started")
            return
        if not self._log(found).exists():  # else an earlier look was cut off after this line
            tell(self._log(found), *submission_story(found, self._pipelines.get(found.pipeline_id)))
        if run is None:
            try:
                run = self._automl.submit(found.settings, f"{run_id}/{AUTOML_STEP}", parent_run_id=run_id)
            except StorageFull:
                raise  # how it failed could not be stored either
            except (OSError, WorkspaceError) as error:
                self._fail(found, AUTOML_STEP, f"it could not be submitted: {error}")
                return
        # One that has ended is at work all the same until its end is noted: that is the next look's.
        status = RunStatus.RUNNING if run.status.is_terminal else run.status
        start = StepStart(name=AUTOML_STEP, run_id=run.run_id, status=status, started_at=run.started_at)
        self._runs.start_step(run_id, start, {AUTOML_RUN_ID: run.run_id})
        tell(self._log(found), f"step {AUTOML_STEP}: submitted as run {run.run_id}")
        tell(self._home.run(run.run_id) / STEP_LOG, *step_story(found))

    def _follow_automl(self, found: StoredPipelineRun, step: StepRun, run: Run) -> None:
        if not run.status.is_terminal:
            if found.is_cancelled and run.status is not RunStatus.CANCEL_REQUESTED:
                self._automl.cancel(run.run_id)
                self._tell_of_automl(found, run, "cancellation requested")
            elif run.status is not step.status:
                self._runs.advance_step(found.run.run_id, step.name, run.status, run.started_at)
                self._tell_of_automl(found, run, run.status.value)
        elif run.status is RunStatus.COMPLETED:
            self._end_automl(found, run)
        elif run.status is RunStatus.FAILED:
            self._fail(found, step.name, run.error, step_run_id=run.run_id, started_at=run.started_at)
        else:
            end = StepEnd(name=step.name, status=run.status, error=run.error, started_at=run.started_at)
            by_step = f"its step {step.name} (run {run.run_id}) was cancelled: {run.error}"
            self._finish(found, run.status, "cancelled on request" if found.is_cancelled else by_step, end)

    def _end_automl(self, found: StoredPipelineRun, run: Run) -> None:
        try:
            result = automl_result(self._home, run)
        except (OSError, WorkspaceError) as error:
            self._fail(found, AUTOML_STEP, str(error), step_run_id=run.run_id, started_at=run.started_at)
            return
        properties = {name: run.properties[name] for name in PASSED_ON if name in run.properties}
        end = StepEnd(name=AUTOML_STEP, status=run.status, started_at=run.started_at)
        if found.has_step(REGISTER_STEP):
            self._runs.end_step(found.run.run_id, end, properties)
            self._tell_of_automl(found, run, f"Completed: {result_line(result)}")
            return
        ended = self._runs.complete(found.run.run_id, end, properties)
        self._tell_of_automl(found, run, f"Completed: {result_line(result)}")
        tell(self._log(found), last_line(ended))
        logger.info("pipeline run %s ended: %s", ended.run_id, ended.status.value)

    # The registration

    def _register(self, found: StoredPipelineRun, automl: Run) -> None:
        step = found.step(REGISTER_STEP)
        step_run_id = step.run_id or str(uuid.uuid4())
        if step.run_id is None:
            now = datetime.now(UTC)
            start = StepStart(name=step.name, run_id=step_run_id, status=RunStatus.RUNNING, started_at=now)
            self._runs.start_step(found.run.run_id, start, {})
            tell(self._log(found), f"step {step.name}: started as run {step_run_id}")
        # From here on everything may be done again: what was registered, or written, is found or replaced.
        log = self._home.run(step_run_id) / STEP_LOG
        pipeline = self._pipelines.get(found.pipeline_id)
        definition = pipeline.definition
        if not log.exists():
            script = found.run.properties.get(REGISTRATION_SCRIPT)
            if script is not None:
                tell(
                    log, f"{script} is not run here: the local Azure ML registers the model itself, to the same effect"
                )
            tell(log, f"registering the best model of run {automl.run_id} as {definition.model_name}")
        try:
            result = automl_result(self._home, automl)
            tags = {**definition.model_tags, **model_tags(found, pipeline, result)}
            model = self._models.register(definition.model_name, automl, tags)
            self._write_outputs(found, pipeline, result, model, self._home.run(step_run_id))
        except (OSError, WorkspaceError) as error:  # as when a job cannot be started: trying again would not help
            tell(log, f"failed: {error}")
            self._fail(found, step.name, str(error), step_run_id=step_run_id)
            return
        named = f"{model.name}:{model.version}"
        tell(log, f"registered as version {model.version}", f"tags: {tags}")
        end = StepEnd(name=step.name, status=RunStatus.COMPLETED)
        ended = self._runs.complete(found.run.run_id, end, {MODEL: named})
        tell(self._log(found), f"step {step.name}: Completed: model {named}", last_line(ended))
        logger.info("pipeline run %s ended: %s %s", ended.run_id, ended.status.value, named)

    def _write_outputs(
        self,
        found: StoredPipelineRun,
        pipeline: PublishedPipeline,
        result: AutoMLResult,
        model: ModelVersion,
        step_folder: Path,
    ) -> None:
        made = PipelineResult(
            run_id=found.run.run_id,
            pipeline_id=pipeline.pipeline_id,
            pipeline_name=pipeline.name,
            pipeline_version=pipeline.version,
            dataset_name=found.settings.dataset_name,
            dataset_version=found.settings.dataset_version,
            automl=result,
            model=model,
        )
        with no_room_as_storage_full("the outputs of the pipeline run"):
            write_json(step_folder / MODEL_OUTPUT, model)
            write_json(self._home.run(found.run.run_id) / RESULT_OUTPUT, made)

    # How it ends

    def _fail(
        self,
        found: StoredPipelineRun,
        step: str,
        reason: str,
        *,
        step_run_id: str | None = None,
        started_at: datetime | None = None,
    ) -> None:
        which = f"step {step}" if step_run_id is None else f"step {step} (run {step_run_id})"
        end = StepEnd(name=step, status=RunStatus.FAILED, error=reason, started_at=started_at)
        self._finish(found, RunStatus.FAILED, f"{which} failed: {reason}", end)

    def _finish(self, found: StoredPipelineRun, status: RunStatus, error: str, step: StepEnd | None = None) -> None:
        ended = self._runs.finish(found.run.run_id, status, error, step)
        tell(self._log(found), last_line(ended))
        logger.info("pipeline run %s ended: %s %s", ended.run_id, ended.status.value, ended.error)

    def _tell_of_automl(self, found: StoredPipelineRun, run: Run, what: str) -> None:
        tell(self._log(found), f"step {AUTOML_STEP}: {what}")
        tell(self._home.run(run.run_id) / STEP_LOG, what)

    def _own_folders(self, found: StoredPipelineRun) -> list[Path]:
        """Where this thread alone writes: not in the AutoML run's, whose job may be at work."""
        steps = [step.run_id for step in found.steps if step.name != AUTOML_STEP and step.run_id is not None]
        return [self._home.run(run_id) for run_id in (found.run.run_id, *steps)]

    def _log(self, found: StoredPipelineRun) -> Path:
        return self._home.run(found.run.run_id) / PIPELINE_LOG
