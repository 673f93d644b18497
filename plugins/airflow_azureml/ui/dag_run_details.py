"""A DAG run as the page shows it: Airflow's word on the tasks, the workspace's on what they submitted.

A task's word on its run is believed as on the task's own page: the run has to show that it is the task's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_azureml.ui.dag_runs import read_story
from airflow_azureml.ui.submitted import no_such, require_own_run
from airflow_azureml.ui.task_fields import TaskFields
from airflow_azureml.ui.troubles import Trouble, workspace_troubles
from airflow_azureml.ui.views.dag_run import DagRunView, automl_of, decision_of
from airflow_azureml.ui.workspaces import page_source
from azureml_workspace.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_azureml.ui.places import RunPlace
    from airflow_azureml.ui.views.run import RunView
    from airflow_azureml.ui.views.steps import RunStory, Step
    from azureml_gate.decision import DecisionRecord


def read_dag_run(place: RunPlace, now: datetime, *, task_id: str | None = None, map_index: int = -1) -> DagRunView:
    """The DAG run; a workspace that does not answer costs the page only what it would have said.

    :raises Trouble: there is no such DAG run.
    """
    story = read_story(place)
    submitted = [step for step in story.steps if step.run_id is not None]
    step = _chosen(submitted, task_id, map_index)
    view, decision, troubles = None, None, []
    if step is not None:
        try:
            view, decision = _read(story, step, now)
        except Trouble as trouble:
            troubles.append(trouble)
    return DagRunView(
        place=place,
        story=story,
        now=now,
        view=view,
        decision=decision,
        shown=None if step is None else step.task,
        runs=tuple(step.task for step in submitted),
        troubles=tuple(troubles),
    )


def _chosen(submitted: list[Step], task_id: str | None, map_index: int) -> Step | None:
    """The one that was asked for, else the first."""
    asked = [step for step in submitted if (step.task.task_id, step.task.map_index) == (task_id, map_index)]
    return next(iter([*asked, *submitted]), None)


def _read(story: RunStory, step: Step, now: datetime) -> tuple[RunView, DecisionRecord | None]:
    run_id = step.run_id or ""
    fields = TaskFields.of(step.task)
    logs = step.task.reads_logs
    with workspace_troubles(fields.conn_id), page_source(fields.conn_id, logs=logs) as source:
        try:
            run = source.reading.need(lambda workspace: workspace.get_run(run_id))
        except NotFound as error:
            raise no_such(step.task, "run") from error
        require_own_run(fields, run)
        view = automl_of(source.reading, run, now)
        return view, decision_of(source.reading, story)
