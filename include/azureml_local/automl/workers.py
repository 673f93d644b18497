"""Worker processes for trials. Each can be stopped without harming the others, and none outlives the job.

`forkserver`: the libraries are imported once, in a process that never runs a thread of theirs, and workers are forked
from it in milliseconds (forking a process whose OpenMP threads have run can hang for ever).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

_PRELOAD = ["azureml_local.automl.trial"]
_CONVERTERS = "azureml_local.automl.onnx_export"


def prepare_workers(*, with_converters: bool = False) -> None:
    """Begin importing the libraries in the fork server, and return at once: pools made later start faster.

    `with_converters`: those to ONNX too, which only the trials of custom pipelines need. The first call decides.
    """
    preload = [*_PRELOAD, _CONVERTERS] if with_converters else _PRELOAD
    multiprocessing.get_context("forkserver").set_forkserver_preload(preload)
    forkserver.ensure_running()


@dataclass(frozen=True)
class Outcome:
    """What became of a task: its `value`, or the `error` in one line, and how long it took in seconds."""

    ticket: int
    value: Any
    error: str
    seconds: float


@dataclass
class _Worker:
    process: Any
    connection: Connection
    ticket: int | None = None
    since: float = 0.0


class WorkerPool:
    """`size` processes that each run one task (a picklable function and its arguments) at a time.

    A context manager; leaving it stops every process at once.
    """

    def __init__(self, size: int) -> None:
        self._context = multiprocessing.get_context("forkserver")
        prepare_workers()
        # The workers watch the reading end: it closes when this process is gone, however it went.
        self._watched, self._lifeline = self._context.Pipe(duplex=False)
        self._workers = [self._start() for _ in range(size)]

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def idle(self) -> int:
        """Workers without a task."""
        return sum(worker.ticket is None for worker in self._workers)

    @property
    def running(self) -> list[int]:
        """Tickets of the tasks under way."""
        return [worker.ticket for worker in self._workers if worker.ticket is not None]

    def submit(self, ticket: int, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task on an idle worker; there must be one."""
        worker = next(worker for worker in self._workers if worker.ticket is None)
        worker.ticket, worker.since = ticket, time.monotonic()
        worker.connection.send((function, arguments))

    def wait(self, timeout: float) -> list[Outcome]:
        """Outcomes of the tasks that end within `timeout` seconds; returns at the first."""
        busy = {worker.connection: worker for worker in self._workers if worker.ticket is not None}
        ready = wait(list(busy), timeout=max(0.0, timeout))
        return [self._receive(worker) for connection, worker in busy.items() if connection in ready]

    def stop_running(self) -> Sequence[Outcome]:
        """Kill the workers that are busy and replace them; gives the tasks that were under way."""
        return [self.stop(ticket) for ticket in self.running]

    def stop(self, ticket: int) -> Outcome:
        """Kill the worker that is busy with this task and replace it; gives the task, which must be under way."""
        position = next(place for place, worker in enumerate(self._workers) if worker.ticket == ticket)
        worker = self._workers[position]
        seconds = time.monotonic() - worker.since
        self._kill(worker)
        self._workers[position] = self._start()
        return Outcome(ticket, None, "stopped", seconds)

    def close(self) -> None:
        """Stop every process at once. Safe to call twice."""
        for worker in self._workers:
            self._kill(worker)
        self._workers = []
        self._lifeline.close()

    def _receive(self, worker: _Worker) -> Outcome:
        ticket, seconds = worker.ticket, time.monotonic() - worker.since
        assert ticket is not None  # noqa: S101 - only busy workers are waited for
        try:
            value, error = worker.connection.recv()
        except EOFError:
            worker.process.join(timeout=1)
            code = worker.process.exitcode
            reason = f"signal {-code}, out of memory perhaps" if code is not None and code < 0 else f"exit code {code}"
            value, error = None, f"the worker process died ({reason})"
            self._kill(worker)
            self._workers[self._workers.index(worker)] = self._start()
        worker.ticket = None
        return Outcome(ticket, value, error, seconds)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._watched), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    @staticmethod
    def _kill(worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.connection.close()


def _serve(connection: Connection, lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    warnings.simplefilter("ignore")
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = (function(*arguments), "")
        except Exception as error:  # noqa: BLE001 - whatever a library raises is this trial's failure, not the run's
            traceback.print_exc()
            answer = (None, f"{type(error).__name__}: {error}".splitlines()[0][:500])
        connection.send(answer)


def _die_with_parent(lifeline: Connection) -> None:
    lifeline.poll(None)
    os._exit(1)
