"""The dispatcher: starts queued runs when a node is free and follows every job to its end, in one thread.

All changes of a started run happen here, so they need no locking among themselves. Nothing is lost with this
process: jobs go on without it, and the first step of the next dispatcher takes them up from their files (`_take_up`).
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from azureml_local.background import BackgroundLoop
from azureml_local.files import write_json
from azureml_local.jobs.files import EVENTS_FILE, JOB_FILE, LOG_FILE, PID_FILE, JobFile, forget_job
from azureml_local.jobs.job import MOST_STARTS, Job, Outcome
from azureml_local.jobs.leftovers import make_temporary_folder, remove_leftovers
from azureml_local.paths import Home
from azureml_local.processes import ManagedProcess, ProcessIdentity, find_workers, module_command
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.runs import ActiveRun, RunStore
from azureml_local.troubles import TroubleLog
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.statuses import RunStatus

logger = logging.getLogger(__name__)

JOB_MODULE = "azureml_local.automl"
POLL_SECONDS = 0.2
_IDLE_SECONDS = 5.0
_WAITING = frozenset({RunStatus.NOT_STARTED, RunStatus.QUEUED})
_STATUS_OF_PHASE = {
    "profile": RunStatus.PREPARING,
    "guard": RunStatus.PREPARING,
    "export": RunStatus.FINALIZING,
    "evaluate": RunStatus.FINALIZING,
    "explain": RunStatus.FINALIZING,
    "finalize": RunStatus.FINALIZING,
}

JobCommand = Callable[[Path], list[str]]


def automl_command(run_dir: Path) -> list[str]:
    """The command line of an AutoML job."""
    return module_command(JOB_MODULE, run_dir)


def machine_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


class Dispatcher:
    """Owns the jobs of this workspace while the server runs."""

    def __init__(
        self,
        home: Home,
        runs: RunStore,
        datasets: DatasetStore,
        *,
        command: JobCommand = automl_command,
        cores: int | None = None,
    ) -> None:
        self._home = home
        self._runs = runs
        self._datasets = datasets
        self._command = command
        self._cores = cores or machine_cores()
        self._jobs: dict[str, Job] = {}
        self._troubles = TroubleLog(logger)
        self._loop = BackgroundLoop("dispatcher", self.step, self._troubles)

    def start(self) -> None:
        """Take up what an earlier server left, and go on, in the background."""
        self._loop.start()

    def wake(self) -> None:
        """Look at the queue now: something was submitted or cancelled."""
        self._loop.wake()

    def stop(self) -> None:
        """Stop following. The jobs themselves go on."""
        self._loop.stop()

    def step(self) -> float:
        """Look at every run once; gives the seconds until the next look is worth it."""
        active = self._runs.active()
        for run in active:
            if run.status not in _WAITING:
                self._troubles.attempt(run.run_id, partial(self._look_at, run))
        self._start_waiting([run for run in active if run.status in _WAITING])
        return POLL_SECONDS if active else _IDLE_SECONDS  # a submission wakes the thread

    def _look_at(self, run: ActiveRun) -> None:
        if run.run_id in self._jobs:
            self._follow(run, self._jobs[run.run_id])
        else:
            self._take_up(run)

    def _take_up(self, run: ActiveRun) -> None:
        """Follow the job that an earlier server started, or start it when that was cut off (also by a full disk)."""
        folder = self._home.run(run.run_id)
        noted, found = ProcessIdentity.read(folder / PID_FILE), find_workers(JOB_MODULE, self._home.runs).get(folder)
        # The noted one looks dead once the clock was set; the one found by its command line lives.
        alive = [identity for identity in (noted, found) if identity is not None and identity.is_alive()]
        identity = alive[0] if alive else noted
        process = ManagedProcess(identity) if identity is not None else None
        job = Job(run, folder, process, self._cores_of(run))
        if job.is_lost:
            if noted is None and run.status is RunStatus.PREPARING and not (folder / EVENTS_FILE).exists():
                logger.info("%s had not been started yet: starting it", run.run_id)
                self._start(run)
                return
            if self._runs.start_again(run.run_id, MOST_STARTS):
                self._start_lost(run, process)
                return
        self._jobs[run.run_id] = job
        logger.info("%s: %s", run.run_id, "its job still runs" if job.is_alive() else "its job is gone")

    def _start_lost(self, run: ActiveRun, lost: ManagedProcess | None) -> None:
        """Start a job anew that went down together with the server: the machine or the container did, and no job."""
        logger.warning("%s: its job was lost together with the server; starting it again", run.run_id)
        if lost is not None:
            lost.signal_group(signal.SIGKILL)
        remove_leftovers(self._home, run.run_id)
        forget_job(self._home.run(run.run_id))
        self._start(run)

    def _cores_of(self, run: ActiveRun) -> int:
        """What a job of this target gets: the machine's cores shared by as many jobs as may run at once."""
        return self._cores // min(run.max_nodes, self._cores)

    def _start_waiting(self, waiting: Iterable[ActiveRun]) -> None:
        """Start what fits, first come first served: nobody overtakes within a target, nor for the last free core."""
        free = self._cores - sum(job.cores for job in self._jobs.values())
        busy: dict[str, int] = {}
        for job in self._jobs.values():
            busy[job.compute_target] = busy.get(job.compute_target, 0) + 1
        for run in waiting:
            target, needed = run.settings.compute_target, self._cores_of(run)
            if busy.get(target, 0) >= run.max_nodes:
                self._troubles.attempt(run.run_id, partial(self._queue, run))
            elif needed > free:
                free = 0
                self._troubles.attempt(run.run_id, partial(self._queue, run))
            else:
                self._troubles.attempt(run.run_id, partial(self._start_first, run))
                if run.run_id in self._jobs:
                    free -= needed
                    busy[target] = busy.get(target, 0) + 1

    def _start_first(self, run: ActiveRun) -> None:
        if self._runs.advance(run.run_id, RunStatus.PREPARING):
            self._start(run)

    def _queue(self, run: ActiveRun) -> None:
        if run.status is not RunStatus.QUEUED:
            self._runs.advance(run.run_id, RunStatus.QUEUED)

    def _start(self, run: ActiveRun) -> None:
        folder, cores = self._home.run(run.run_id), self._cores_of(run)
        try:
            data = self._datasets.content(run.storage_key)
            job = JobFile(
                run_id=run.run_id,
                data_path=str(data.path),
                columns=data.columns,
                settings=run.settings,
                cores=cores,
            )
            with no_room_as_storage_full("the run's files"):
                write_json(folder / JOB_FILE, job)
                process = ManagedProcess.start(
                    self._command(folder),
                    folder / LOG_FILE,
                    cwd=folder,
                    environment={"TMPDIR": str(make_temporary_folder(self._home, run.run_id))},
                )
        except (OSError, WorkspaceError) as error:
            remove_leftovers(self._home, run.run_id)
            self._runs.finish(run.run_id, RunStatus.FAILED, f"the job could not be started: {error}")
            logger.exception("%s could not be started", run.run_id)
            return
        # Known before its pid is on disk: if that fails, this server still follows and ends it.
        self._jobs[run.run_id] = Job(run, folder, process, cores)
        write_json(folder / PID_FILE, process.identity)
        logger.info("%s started: pid %d, %d cores", run.run_id, process.identity.pid, cores)

    def _follow(self, run: ActiveRun, job: Job) -> None:
        cancelled = run.status is RunStatus.CANCEL_REQUESTED
        alive = job.is_alive()  # before its files are read, so that nothing written before its end is missed
        if alive:
            job.keep_in_bounds(cancelled=cancelled)  # first: whatever fails after it, no job goes on for ever
        phase = self._take_news(run, job)
        if alive:
            if not cancelled and phase is not None:
                status = _STATUS_OF_PHASE.get(phase, RunStatus.RUNNING)
                if status is not run.status:
                    self._runs.advance(run.run_id, status)
            return
        outcome = job.outcome(cancelled=cancelled)
        remove_leftovers(self._home, run.run_id)
        self._finish(run, outcome)
        del self._jobs[run.run_id]

    def _take_news(self, run: ActiveRun, job: Job) -> str | None:
        """Store everything new; gives the newest phase. One reading takes a few megabytes, so there may be several."""
        phase, read = None, run.events_read
        while True:
            news = job.news(read)
            if news.events_read == read:
                return phase
            self._runs.take_news(run.run_id, news)
            phase, read = news.phase or phase, news.events_read

    def _finish(self, run: ActiveRun, outcome: Outcome) -> None:
        properties: dict[str, str] = {}
        if outcome.result is not None and outcome.result.result is not None:
            result = outcome.result.result
            properties = {
                "best_child_run_id": result.best_child_run_id,
                "best_algorithm": result.best_algorithm,
                "validation": result.validation,
            }
            if result.primary_metric in result.metrics:
                properties["best_score"] = repr(result.metrics[result.primary_metric])
        ended = self._runs.finish(run.run_id, outcome.status, outcome.error, properties)
        logger.info("%s ended: %s %s", run.run_id, ended.status, ended.error)
