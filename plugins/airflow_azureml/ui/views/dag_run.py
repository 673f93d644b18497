"""A DAG run: its steps, and the AutoML run in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_azureml.ui.views.automl import MOST_TRIALS, metrics_in_order
from airflow_azureml.ui.views.documents import document_at
from airflow_azureml.ui.views.run import PIPELINE, RunView
from azureml_gate.decision import DecisionRecord
from azureml_workspace.records.pipeline import AUTOML_STEP

if TYPE_CHECKING:
    from airflow_azureml.ui.places import RunPlace, TaskPlace
    from airflow_azureml.ui.troubles import Trouble
    from airflow_azureml.ui.views.reading import Reading
    from airflow_azureml.ui.views.steps import RunStory
    from azureml_workspace.records import Run


@dataclass(frozen=True, kw_only=True)
class DagRunView:
    """What the page and the file show. `view` is the AutoML run that the task `shown` submitted, `runs` are all tasks
    that submitted one; `decision` is the gate's. `troubles` say why something is not there."""

    place: RunPlace
    story: RunStory
    now: datetime
    view: RunView | None = None
    decision: DecisionRecord | None = None
    shown: TaskPlace | None = None
    runs: tuple[TaskPlace, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def given(self) -> dict[str, Any]:
        """The template's names."""
        return {
            "place": self.place,
            "task": self.shown,
            "story": self.story,
            "now": self.now,
            "view": self.view,
            "decision": self.decision,
            "shown": self.shown,
            "runs": self.runs,
            "troubles": self.troubles,
            "active": self.story.active or (self.view is not None and self.view.active),
            "spans": self.story.spans_chart(self.now),
            "histogram": self.story.benchmark_chart(),
            "metrics_in_order": metrics_in_order,
            "most_trials": MOST_TRIALS,
        }


def decision_of(reading: Reading, story: RunStory) -> DecisionRecord | None:
    """The whole record of the gate's decision; None when there is none, or it is not of this DAG run."""
    short = story.gate
    if short is None or not short.decision.startswith("decisions/"):
        return None
    record = document_at(reading, short.decision, DecisionRecord)
    return record if record is not None and record.request.by == story.by else None


def automl_of(reading: Reading, run: Run, now: datetime) -> RunView:
    """The AutoML run, or that of the pipeline run, once it has started. :raises WorkspaceError:"""
    if run.run_type != PIPELINE:
        return RunView.read(reading, run, now)
    steps = reading.need(lambda workspace: workspace.list_step_runs(run.run_id))
    begun = next((step.run_id for step in steps if step.name == AUTOML_STEP and step.run_id is not None), None)
    if begun is None:
        return RunView.read(reading, run, now)
    return RunView.read(reading, reading.need(lambda workspace: workspace.get_run(begun)), now)
