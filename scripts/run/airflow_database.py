"""Airflow's database: made or brought up to date, and cleared of the runs that a killed `make run` left open.

`python -m scripts.run.airflow_database` does both, in an environment that leads to the checkout's Airflow.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version

from scripts.run.layout import Layout


def is_migrated(layout: Layout) -> bool:
    """Whether the database is there and fits the Airflow that is installed."""
    return layout.migrated.exists() and layout.migrated.read_text() == version("apache-airflow-core")


def migrate(layout: Layout) -> None:
    """Give Airflow its database, once per version of Airflow.

    A database whose first migration was interrupted holds nothing yet and is made anew.

    :raises subprocess.CalledProcessError: Airflow refused; its words are on standard output.
    """
    if is_migrated(layout):
        return
    if not layout.migrated.exists():
        shutil.rmtree(layout.airflow_home, ignore_errors=True)
    (layout.airflow_home / "plugins").mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    layout.migrated.write_text(version("apache-airflow-core"))


def close_abandoned_runs() -> None:
    """End the DAG runs of `make run` that are still called running, when no `make run` is at work.

    A scheduler would take them up; those that a scheduler started are its own to go on with.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, State, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy import select, update

    with create_session() as session:
        session.rollback()  # it is the thread's own: an interrupted run may have left it in the middle of something
        abandoned = session.execute(
            select(DagRun.dag_id, DagRun.run_id).where(
                DagRun.state == DagRunState.RUNNING, DagRun.triggered_by == DagRunTriggeredByType.TEST
            )
        ).all()
        unfinished = TaskInstance.state.is_(None) | TaskInstance.state.in_([s for s in State.unfinished if s])
        for dag_id, run_id in abandoned:
            of_the_run = (TaskInstance.dag_id == dag_id) & (TaskInstance.run_id == run_id)
            session.execute(update(TaskInstance).where(of_the_run, unfinished).values(state=TaskInstanceState.FAILED))
            the_run = (DagRun.dag_id == dag_id) & (DagRun.run_id == run_id)
            session.execute(update(DagRun).where(the_run).values(state=DagRunState.FAILED))


if __name__ == "__main__":
    migrate(Layout.here())
    close_abandoned_runs()
