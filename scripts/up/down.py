"""`make down`: no process of this checkout is left."""

from __future__ import annotations

import signal

from azureml_local.paths import Home
from azureml_local.processes import ManagedProcess, ProcessIdentity, wait_until
from azureml_local.server.instance import lock_owner
from azureml_local.server.shutdown import stop_everything
from scripts.run.layout import Layout
from scripts.up import leftovers
from scripts.up.state import UpFiles

SUPERVISOR_SECONDS = 90.0
"""For all components to stop one after the other; each is killed when its own time is over."""

ORPHANS_GRACE_SECONDS, STRAGGLERS_GRACE_SECONDS = 10.0, 1.0
"""Between SIGTERM and SIGKILL for what a killed supervisord left, and for what has had its time under a live one."""


def make_down(layout: Layout) -> int:
    """Stop Airflow with the tasks that run, then the local Azure ML with its jobs and web services; the exit code.

    When Airflow was up, remote runs that have not ended wait for the next server, as its DAG runs do for the next
    Airflow. Otherwise nobody waits for them, and they are Canceled.

    :raises AlreadyRunning: somebody started another local Azure ML meanwhile.
    """
    home = Home(layout.azureml_home)
    had_server = lock_owner(home) is not None
    processes = stop_airflow(UpFiles(layout))
    azureml = stop_everything(home, keep_runs=processes > 0)
    parts = [
        *([f"Airflow ({processes} processes)"] if processes else []),
        *(["the local Azure ML"] if had_server or azureml.server else []),
        *([f"jobs: {azureml.jobs}"] if azureml.jobs else []),
        *([f"web services: {azureml.services}"] if azureml.services else []),
    ]
    print(f"stopped: {', '.join(parts)}" if parts else "nothing was running")
    if azureml.runs_cancelled:
        print(f"{azureml.runs_cancelled} runs had not ended and are Canceled")
    if azureml.runs_waiting:
        print(f"{azureml.runs_waiting} runs had not ended; the next `make up` starts them again, as their DAG runs")
    return 0


def stop_airflow(files: UpFiles) -> int:
    """Stop supervisord, its components and whatever they left; gives how many processes there were.

    The local Azure ML, one of the components, leaves its jobs and web services running.
    """
    count = len(leftovers.find(files.layout))
    up = files.running()
    if up is not None:
        supervisor = ManagedProcess(ProcessIdentity(pid=up.pid, pid_started=up.pid_started))
        supervisor.signal_alone(signal.SIGTERM)
        wait_until(lambda: not supervisor.is_alive, SUPERVISOR_SECONDS, pause=0.1)
    grace = ORPHANS_GRACE_SECONDS if up is None else STRAGGLERS_GRACE_SECONDS
    leftovers.end(files.layout, grace_seconds=grace)
    files.remove()
    return count


def stop_azureml_server(layout: Layout) -> bool:
    """The server alone; its jobs and web services go on. Gives whether there was one."""
    owner = lock_owner(Home(layout.azureml_home))
    if owner is None:
        return False
    server = ManagedProcess(owner)
    for number in (signal.SIGTERM, signal.SIGKILL):
        server.signal_alone(number)
        if wait_until(lambda: not server.is_alive, 15.0):
            break
    return True
