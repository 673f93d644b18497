"""Ends everything of a state folder: the server, its jobs and its web services, also when the server is dead."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace

from azureml_local.jobs.dispatcher import JOB_MODULE
from azureml_local.jobs.files import OVERRAN_FILE, PID_FILE, forget_job, read_result
from azureml_local.jobs.leftovers import remove_leftovers
from azureml_local.paths import Home
from azureml_local.pipelines.files import PIPELINE_LOG, tell
from azureml_local.pipelines.story import last_line
from azureml_local.processes import ManagedProcess, ProcessIdentity, find_workers, wait_until
from azureml_local.scoring.config import STATUS_FILE
from azureml_local.server.instance import InstanceLock, lock_owner
from azureml_local.services.process import SCORING_MODULE
from azureml_local.store.database import Database
from azureml_local.store.links import Links
from azureml_local.store.pipeline_runs import PipelineRunStore
from azureml_local.store.runs import RunStore
from azureml_workspace.statuses import RunStatus

_SERVER_SECONDS = 15.0
_GRACE_SECONDS = 5.0
_WHY = "the local Azure ML was stopped"


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """What was ended: the server or not, and how many of the others. `runs_left` are the next server's to end.

    `runs_waiting` had to be interrupted and start again with the next server.
    """

    server: bool
    jobs: int = 0
    services: int = 0
    runs_cancelled: int = 0
    runs_left: int = 0
    runs_waiting: int = 0


def stop_everything(home: Home, *, keep_runs: bool = False) -> Stopped:
    """End all processes of `home`, let each finish what takes a moment, and leave none behind.

    Runs that had no result yet are Canceled or, with `keep_runs`, wait for the next server, under the same ids. Web
    services stay known and come back with it.

    :raises AlreadyRunning: another server was started meanwhile.
    """
    if not home.root.is_dir():
        return Stopped(server=False)
    server_stopped = _stop_server(home)
    with InstanceLock(home):
        jobs, services = live_jobs(home), live_services(home)
        _end_together([*jobs.values(), *services.values()])
        runs = _settle_open_runs(home, keep_runs=keep_runs)
        home.server_file.unlink(missing_ok=True)
    return replace(runs, server=server_stopped, jobs=len(jobs), services=len(services))


def live_jobs(home: Home) -> dict[str, ProcessIdentity]:
    """Job processes that run, by run id."""
    return _live(home, PID_FILE, JOB_MODULE, "runs")


def live_services(home: Home) -> dict[str, ProcessIdentity]:
    """Web service processes that run, by service name."""
    return _live(home, STATUS_FILE, SCORING_MODULE, "services")


def _live(home: Home, file: str, module: str, folder: str) -> dict[str, ProcessIdentity]:
    parent = home.root / folder
    found = {path.name: identity for path, identity in find_workers(module, parent).items()}
    for path in parent.glob(f"*/{file}"):
        identity = ProcessIdentity.read(path)
        if identity is not None and identity.is_alive():
            found[path.parent.name] = identity
    return found


def _stop_server(home: Home) -> bool:
    owner = lock_owner(home)
    if owner is None:
        return False
    process = ManagedProcess(owner)
    # The server alone, not its group: started from a shell it may share that with others.
    process.signal_alone(signal.SIGTERM)
    if not wait_until(lambda: not process.is_alive, _SERVER_SECONDS):
        process.signal_alone(signal.SIGKILL)
        wait_until(lambda: not process.is_alive, _SERVER_SECONDS)
    return True


def _end_together(identities: list[ProcessIdentity]) -> None:
    processes = [ManagedProcess(identity) for identity in identities]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            process.signal_group(number)
        wait_until(lambda: not any(process.is_alive for process in processes), _GRACE_SECONDS)


def _settle_open_runs(home: Home, *, keep_runs: bool) -> Stopped:
    """Cancel what has no result, or put it back into the queue; gives how many runs that were.

    A run whose job wrote its result is the next server's to take in: its work is done. So is a pipeline run whose
    AutoML run is one of those, or had ended before: how, the pipeline run has still to learn.
    """
    if not home.database.is_file():
        return Stopped(server=False)
    database = Database(home.database)
    runs, pipeline_runs = RunStore(database, Links("")), PipelineRunStore(database, Links(""))
    cancelled: set[str] = set()
    waiting: set[str] = set()
    left = 0
    for run in runs.active():
        folder = home.run(run.run_id)
        job = ProcessIdentity.read(folder / PID_FILE)
        if job is not None:  # it may be dead itself and have left others running
            ManagedProcess(job).signal_group(signal.SIGKILL)
        remove_leftovers(home, run.run_id)
        if read_result(folder) is not None:
            left += 1
        elif keep_runs and run.status is not RunStatus.CANCEL_REQUESTED and not (folder / OVERRAN_FILE).exists():
            forget_job(folder)  # first: what it said must not be taken for what the next job says
            runs.put_back(run.run_id)
            waiting.add(run.run_id)
        else:
            runs.finish(run.run_id, RunStatus.CANCELED, _WHY)
            cancelled.add(run.run_id)
    for found in pipeline_runs.active():
        automl = runs.find_step(found.run.run_id)
        if automl.run_id in waiting if automl else keep_runs:
            waiting.add(found.run.run_id)
        elif automl is None or automl.run_id in cancelled:
            ended = pipeline_runs.finish(found.run.run_id, RunStatus.CANCELED, _WHY)
            tell(home.run(ended.run_id) / PIPELINE_LOG, last_line(ended))
            cancelled.add(ended.run_id)
        else:
            left += 1
    database.close()
    return Stopped(server=False, runs_cancelled=len(cancelled), runs_left=left, runs_waiting=len(waiting))
