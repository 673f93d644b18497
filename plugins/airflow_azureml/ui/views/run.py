"""A run of any kind, or one step of a pipeline run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.ui.views.automl import AutoMLView
from airflow_azureml.ui.views.pipeline_run import PipelineRunView, StepView
from airflow_azureml.ui.views.spans import Spans
from azureml_workspace.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.records import Run, StepRun

AUTOML = "automl"
PIPELINE = "pipeline"

_TOLD_BY_RESULT = frozenset(
    {"best_child_run_id", "best_algorithm", "best_score", "validation", "model", "dataset_version", "automl_run_id"}
)


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run as it was at `read_at`; `step` is there when it is a step of a pipeline run.

    `missing` are the parts that did not come in time.
    """

    run: Run
    spans: Spans
    read_at: datetime
    step: StepView | None = None
    automl: AutoMLView | None = None
    pipeline: PipelineRunView | None = None
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, reading: Reading, run: Run, now: datetime) -> RunView:
        """Ask the workspace for the rest. :raises WorkspaceError:"""
        return _view(reading, run, None, now)

    @classmethod
    def read_step(cls, reading: Reading, parent: Run, name: str, now: datetime) -> RunView:
        """The step of that name of the pipeline run `parent`.

        :raises NotFound: it has no such step, or the step has not started. :raises WorkspaceError:
        """
        step = _step(reading, parent.run_id, name)
        if step.run_id is None:
            raise NotFound(f"step {name} of run {parent.run_id} has not started; it is {step.status}.")
        step_run_id = step.run_id
        run = reading.need(lambda workspace: workspace.get_run(step_run_id))
        if run.parent_run_id != parent.run_id:
            raise NotFound(f"run {step.run_id} is no step of run {parent.run_id}.")
        return _view(reading, run, StepView.read(reading, step, now), now)

    @property
    def properties(self) -> dict[str, str]:
        """Those of the run that say something, and that the page does not show better as part of the result."""
        part = self.automl or self.pipeline
        told = _TOLD_BY_RESULT if part is not None and part.result is not None else frozenset()
        return {name: value for name, value in self.run.properties.items() if value and name not in told}

    @property
    def active(self) -> bool:
        """Whether it may still change."""
        return not self.run.status.is_terminal


def _view(reading: Reading, run: Run, step: StepView | None, now: datetime) -> RunView:
    automl = AutoMLView.read(reading, run, now) if run.run_type == AUTOML else None
    pipeline = PipelineRunView.read(reading, run, now) if run.run_type == PIPELINE else None
    return RunView(
        run=run,
        spans=Spans.of(run, now),
        read_at=now,
        step=step,
        automl=automl,
        pipeline=pipeline,
        missing=reading.missing,
    )


def _step(reading: Reading, run_id: str, name: str) -> StepRun:
    steps = {step.name: step for step in reading.need(lambda workspace: workspace.list_step_runs(run_id))}
    if name not in steps:
        raise NotFound(f"run {run_id} has no step {name!r}; it has {', '.join(steps)}.")
    return steps[name]
