"""The run details as one HTML file: what Airflow's tab shows, without Airflow."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from airflow_azureml.ui.places import RunPlace, TaskPlace
from airflow_azureml.ui.report import report_html
from airflow_azureml.ui.views.dag_run import DagRunView, automl_of
from airflow_azureml.ui.views.reading import Reading
from airflow_azureml.ui.views.steps import RunStory, Step
from azureml_workspace.connect import open_workspace
from azureml_workspace.settings import WorkspaceSettings
from scripts.run.layout import Layout
from scripts.run.progress import DAG_ID, RunProgress, TaskProgress

_STATES = {"done": "success", "retrying": "up_for_retry", "waiting": "none", "not reached": "none"}
"""Airflow's words for ours, where they differ."""


def write_run_report(layout: Layout, run: RunProgress, workspace: WorkspaceSettings) -> Path:
    """Write it; gives its path. :raises WorkspaceError:"""
    now = datetime.now(UTC)
    place = RunPlace(dag_id=DAG_ID, dag_run_id=run.run_id or "", reads_logs=True)
    story = _story(run, place)
    view = None
    run_id = run.automl_run_id
    if run_id is not None:
        reading = Reading(open_workspace(workspace), source=workspace.url, logs=True)
        view = automl_of(reading, reading.need(lambda opened: opened.get_run(run_id)), now)
    path = layout.reports / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', place.dag_run_id or 'run')[:120]}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report_html(DagRunView(place=place, story=story, now=now, view=view)), encoding="utf-8")
    return path


def _story(run: RunProgress, place: RunPlace) -> RunStory:
    steps = tuple(_step(task, place, depth) for depth, task in enumerate(run.tasks.values()))
    begun = [step.started_at for step in steps if step.started_at is not None]
    ended = [step.ended_at for step in steps if step.ended_at is not None]
    return RunStory(
        dag_id=place.dag_id,
        dag_run_id=place.dag_run_id,
        state=run.state or "running",
        started_at=min(begun, default=None),
        ended_at=max(ended, default=None),
        steps=tuple(sorted(steps, key=lambda step: step.order)),
    )


def _step(task: TaskProgress, place: RunPlace, depth: int) -> Step:
    named = TaskPlace(
        dag_id=place.dag_id, dag_run_id=place.dag_run_id, task_id=task.task_id, map_index=-1, reads_logs=True
    )
    return Step(
        task=named,
        state=_STATES.get(task.state, task.state),
        started_at=_moment(task.started),
        ended_at=_moment(task.ended),
        tries=task.tries,
        depth=depth,
        result=task.result or None,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
