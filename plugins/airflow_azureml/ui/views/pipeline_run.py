"""A pipeline run: its steps, their logs, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.ui.views.log import LogTail
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.records import PipelineResult, Run, StepRun

RUN_LOG = "logs/pipeline.log"
STEP_LOG = "logs/step.log"


@dataclass(frozen=True, kw_only=True)
class StepView:
    """A step and the end of its log; `seconds` is how long it worked, None before it started."""

    step: StepRun
    seconds: float | None
    log: LogTail | None

    @classmethod
    def read(cls, reading: Reading, step: StepRun, now: datetime) -> StepView:
        """Ask the workspace. :raises WorkspaceError:"""
        seconds = None
        if step.started_at is not None:
            seconds = max(0.0, ((step.ended_at or now) - step.started_at).total_seconds())
        return cls(step=step, seconds=seconds, log=LogTail.read(reading, step, STEP_LOG, now))


@dataclass(frozen=True, kw_only=True)
class PipelineRunView:
    """`result` is there once the run is completed."""

    steps: tuple[StepView, ...]
    result: PipelineResult | None
    log: LogTail | None

    @classmethod
    def read(cls, reading: Reading, run: Run, now: datetime) -> PipelineRunView:
        """Ask the workspace. :raises WorkspaceError:"""
        steps = reading.part("steps", lambda workspace: workspace.list_step_runs(run.run_id)) or ()
        result = None
        if run.status is RunStatus.COMPLETED:
            result = reading.part("outputs", lambda workspace: workspace.pipeline_result(run.run_id))
        log = LogTail.read(reading, run, RUN_LOG, now)
        return cls(steps=tuple(StepView.read(reading, step, now) for step in steps), result=result, log=log)
