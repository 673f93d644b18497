"""The process that loads Airflow and runs the DAG: `python -m scripts.run.airflow_child EVENTS_FILE`.

It loads Airflow at once and then waits for its plan, one JSON line on standard input
(`{"url", "token_file", "connection", "conf"}`), so that Airflow loads while the local Azure ML starts. Progress goes
into the events file; standard output and error are Airflow's own talk, for the log. SIGINT cancels the run.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from scripts.run.airflow_database import close_abandoned_runs, migrate
from scripts.run.airflow_environment import CONNECTION_VARIABLE
from scripts.run.events import AirflowReady, EventWriter, RunEnded
from scripts.run.layout import Layout
from scripts.run.progress import DAG_ID

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from scripts.run.task_listener import TaskListener


def load_dag(layout: Layout) -> DAG:
    """The DAG out of its file. :raises LookupError: the file does not give it; says why."""
    from airflow.dag_processing.dagbag import DagBag

    file = layout.dags / f"{DAG_ID}.py"
    if not file.is_file():
        raise LookupError(f"{layout.shown(file)}: there is no such file")
    bag = DagBag(dag_folder=str(file), safe_mode=False)
    if DAG_ID not in bag.dags:
        reasons = "; ".join(reason.strip() for reason in bag.import_errors.values())
        raise LookupError(f"{layout.shown(file)} gives no DAG {DAG_ID}: {reasons or 'it defines none'}")
    return bag.dags[DAG_ID]


class Cancellation:
    """What SIGINT does: tell the running task to stop, as Airflow would; where none runs, interrupt at once."""

    def __init__(self) -> None:
        self.requested = False
        self.listener: TaskListener | None = None
        signal.signal(signal.SIGINT, self._on_interrupt)

    def _on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        first, self.requested = not self.requested, True
        task = self.listener.running_task if self.listener else None
        if task is None or not first:
            raise KeyboardInterrupt
        stop = getattr(task, "stop_for_good", task.on_kill)  # this run has no other try that could take up what waits
        stop()


def cancel_with_parent() -> None:
    """Interrupt this process once the parent is gone, however it went: it holds the other end of standard input."""

    def wait() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def run(plan: dict[str, Any], layout: Layout, events: EventWriter, cancellation: Cancellation) -> RunEnded:
    """Run the DAG to its end and say how that was."""
    from airflow.sdk.exceptions import AirflowException
    from airflow.sdk.listener import get_listener_manager

    from azureml_workspace.settings import WorkspaceSettings
    from scripts.run.task_listener import TaskListener

    workspace = WorkspaceSettings(url=plan["url"], token_file=plan["token_file"])
    listener = cancellation.listener = TaskListener(events, workspace, lambda: cancellation.requested)
    get_listener_manager().add_listener(listener)  # type: ignore[no-untyped-call]
    try:
        dag_run = load_dag(layout).test(run_conf=plan["conf"])
        return RunEnded(state=str(dag_run.state))
    except KeyboardInterrupt:
        close_abandoned_runs()
        return RunEnded(state="canceled")
    except (AirflowException, LookupError, ValueError) as error:
        # A refused parameter comes with its whole JSON schema, after a first paragraph that says it all.
        return RunEnded(state="failed", error=f"{type(error).__name__}: {str(error).partition(chr(10) * 2)[0]}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        listener.close()


def load_and_run(layout: Layout, events: EventWriter, cancellation: Cancellation) -> RunEnded | None:
    """Load Airflow, wait for the plan, run it; None when the parent has gone without giving one."""
    migrate(layout)
    from airflow.dag_processing.dagbag import DagBag  # noqa: F401  # loads what takes long

    close_abandoned_runs()
    events.write(AirflowReady())
    line = sys.stdin.readline()
    if not line:
        return None
    plan = json.loads(line)
    os.environ[CONNECTION_VARIABLE] = plan["connection"]
    cancel_with_parent()
    return run(plan, layout, events, cancellation)


def main() -> int:
    """Exit code 0 when the DAG run succeeded."""
    events = EventWriter(Path(sys.argv[1]))
    try:
        ended = load_and_run(Layout.here(), events, Cancellation())
    except KeyboardInterrupt:
        ended = RunEnded(state="canceled")
    if ended is None:
        return 1
    events.write(ended)
    return 0 if ended.state == "success" else 1


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Airflow's in-process API server takes seconds to wind down, and a person is waiting for the result.
    os._exit(code)
