"""The load generator: `concurrency` lanes, each one connection that sends its next request when an answer is complete.

No coroutine and no timer per request: a lane is driven by its connection's callbacks, and one sweep every few
milliseconds finds the requests that have waited too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter
from urllib.parse import urlsplit

import uvloop

from azureml_endpoint._connection import Connection
from azureml_endpoint._plan import Outcome, Plan, Tally, request_bytes
from azureml_endpoint.errors import EndpointError
from azureml_endpoint.wire import decode_answer, decode_error

GIVE_UP_AFTER = 100
"""Requests without an answer, in a row, after which the service counts as gone."""


def generate(plan: Plan) -> Outcome:
    """Run the plan in a thread with its own event loop and wait for it.

    An exception in the waiting thread (raised by a signal handler, for example) ends the test before it goes on.
    """
    test = _Test(plan)
    done: Future[Outcome] = Future()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                done.set_result(runner.run(test.run()))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            done.set_exception(error)

    thread = threading.Thread(target=run, name="load-generator", daemon=True)
    thread.start()
    try:
        return done.result()
    except BaseException:
        test.cancel()
        raise
    finally:
        thread.join()


class _Test:
    """What the lanes share: the target, the counts of the running phase, and when to stop."""

    def __init__(self, plan: Plan) -> None:
        parts = urlsplit(plan.scoring_uri)
        self._plan = plan
        self._host = parts.hostname or ""
        self._address = self._host
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = (plan.ssl_context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deadline = 0.0
        self._tally = Tally()
        self._phase_started = 0.0
        self._phase_over: asyncio.Future[None] | None = None
        self._lost_in_a_row = 0
        self._good_body = b""
        self._connections = 0
        self._stopped = ""
        self.request = request_bytes(plan)
        self.keep_alive = plan.keep_alive

    async def run(self) -> Outcome:
        """Warm up, then measure, over the same connections."""
        self._loop = asyncio.get_running_loop()
        self._deadline = perf_counter() + self._plan.time_limit
        lanes = [_Lane(self) for _ in range(self._plan.concurrency)]
        sweep = asyncio.create_task(self._sweep(lanes))
        try:
            warmup = await self._phase(lanes, self._plan.warmup)
            measured = await self._phase(lanes, self._plan.requests)
            return Outcome(warmup=warmup, measured=measured, connections=self._connections, stopped=self._stopped)
        finally:
            sweep.cancel()
            for lane in lanes:
                lane.leave()

    def cancel(self) -> None:
        """End the test soon; safe from any thread and at any time."""
        self._stopped = self._stopped or "cancelled"
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop, "cancelled")

    async def _phase(self, lanes: list[_Lane], target: int) -> Tally:
        self._tally = Tally(target=0 if self._stopped else target)
        if self._tally.target:
            self._phase_over = asyncio.get_running_loop().create_future()
            self._phase_started = perf_counter()
            for lane in lanes:
                lane.next()
            await self._phase_over
        return self._tally

    def _stop(self, reason: str) -> None:
        """End the phase early; requests under way are left out of every count."""
        if not self._tally.closed:
            self._stopped = reason
            self._close_phase(perf_counter())

    def _close_phase(self, now: float) -> None:
        self._tally.closed = True
        self._tally.seconds = now - self._phase_started
        if self._phase_over is not None and not self._phase_over.done():
            self._phase_over.set_result(None)

    async def _sweep(self, lanes: list[_Lane]) -> None:
        timeout = self._plan.timeout
        while True:
            await asyncio.sleep(min(0.05, timeout / 4))
            now = perf_counter()
            if now > self._deadline:
                self._stop(f"the time limit of {self._plan.time_limit:g} s was reached")
            for lane in lanes:
                if lane.started is not None and now - lane.started > timeout:
                    lane.leave()
                    self.lost(f"no complete answer within {timeout:g} s")
                    lane.next()

    # For the lanes

    def take(self) -> bool:
        """Whether another request of this phase is to be sent; the caller sends it."""
        if self._tally.closed or self._tally.issued >= self._tally.target:
            return False
        self._tally.issued += 1
        return True

    async def connect(self, factory: Callable[[], Connection]) -> None:
        """Open a connection. :raises OSError, UnicodeError:"""
        loop = asyncio.get_running_loop()
        name = self._host if self._ssl else None
        transport, _ = await loop.create_connection(
            factory, self._address, self._port, ssl=self._ssl, server_hostname=name
        )
        # Look the name up once, and not again for each connection.
        self._address = transport.get_extra_info("peername")[0]

    def connected(self) -> None:
        """Count a connection."""
        self._connections += 1

    def answered(self, status: int, body: bytes, started: float, now: float) -> None:
        """Count a complete answer."""
        tally = self._tally
        if tally.closed:
            return
        self._lost_in_a_row = 0
        tally.by_status[status] += 1
        tally.bytes += len(body)
        # Equal requests get equal answers, so most answers need no decoding.
        problem = "" if status == 200 and body == self._good_body else self._problem(status, body)
        if problem:
            tally.fail(problem)
        else:
            tally.latencies_ms.append((now - started) * 1000)
        if tally.ended == tally.target:
            self._close_phase(now)

    def lost(self, reason: str) -> None:
        """Count a request that got no complete answer."""
        tally = self._tally
        if tally.closed:
            return
        tally.fail(reason)
        self._lost_in_a_row += 1
        if tally.ended == tally.target:
            self._close_phase(perf_counter())
        elif self._lost_in_a_row >= max(GIVE_UP_AFTER, 2 * self._plan.concurrency):
            self._stop(f"gave up after {self._lost_in_a_row} requests in a row without an answer, the last: {reason}")

    def _problem(self, status: int, body: bytes) -> str:
        """Why the answer counts as failed, empty when it does not."""
        try:
            if status != 200:
                message = f"HTTP {status}: {decode_error(body)}"
                return message.replace(self._plan.key, "***") if self._plan.key else message
            decode_answer(body)
        except EndpointError as error:
            return str(error)
        self._good_body = body
        return ""


class _Lane:
    """One of the `concurrency` places: sends a request, waits for its answer, sends the next."""

    def __init__(self, test: _Test) -> None:
        self._test = test
        self._connection: Connection | None = None
        self._opening: asyncio.Task[None] | None = None
        self.started: float | None = None

    def next(self) -> None:
        """Send the next request of the phase, if there is one left."""
        if not self._test.take():
            self.started = None
            return
        self.started = perf_counter()
        if self._connection is not None and not self._connection.usable:
            self._connection.abandon()
            self._connection = None
        if self._connection is None:
            self._opening = asyncio.create_task(self._open())
        else:
            self._connection.send()

    def leave(self) -> None:
        """Drop the connection, open or opening; nothing that still comes from it counts."""
        self.started = None
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._connection is not None:
            self._connection.abandon()
            self._connection = None

    async def _open(self) -> None:
        try:
            await self._test.connect(lambda: Connection(self, self._test.request, keep_alive=self._test.keep_alive))
        except (OSError, UnicodeError) as error:
            self.lost(f"no connection: {error.strerror if isinstance(error, OSError) else error}")

    # For the connection

    def opened(self, connection: Connection) -> None:
        """The connection is there; send the request that it was opened for."""
        self._test.connected()
        self._opening = None
        self._connection = connection
        connection.send()

    def closed(self) -> None:
        """The connection is gone, without a request under way."""
        self._connection = None

    def answered(self, status: int, body: bytes, now: float) -> None:
        """An answer is complete."""
        if self.started is not None:
            self._test.answered(status, body, self.started, now)
            self.next()

    def lost(self, reason: str) -> None:
        """The request under way will not be answered."""
        self._connection = self._opening = None
        if self.started is not None:
            self._test.lost(reason)
            self.next()
