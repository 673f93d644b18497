"""Operators that begin something in the workspace and wait for it: in their worker, or deferred in the triggerer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferralTimeout

from airflow_azureml import _arguments as arguments
from airflow_azureml._awaited import EXECUTION_TIMEOUT, Awaited, Limit, fingerprint, recall, remember
from airflow_azureml._interrupts import INTERRUPTS
from airflow_azureml._waiting import (
    DEADLINE,
    MOST_REFUSALS,
    REFUSED,
    TRIGGERER_GRACE_SECONDS,
    UNREACHABLE,
    Patience,
    TaskStopped,
    WaitTimeout,
    wait_until,
)
from airflow_azureml.hook import AzureMLHook
from airflow_azureml.operators._awaitable import Awaitable
from airflow_azureml.operators._left_behind import is_left_behind
from airflow_azureml.operators.base import AzureMLBaseOperator
from azureml_workspace.errors import Unauthorized, WorkspaceError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_workspace.records import Record

T = TypeVar("T")
A = TypeVar("A")


class AzureMLWaitingOperator(Awaitable[T], AzureMLBaseOperator):
    """Begins something, waits until it is settled, and makes a result of it.

    :param deferrable: wait in the triggerer, which holds no worker slot (default `[operators] default_deferrable`).
    :param outage_minutes: how long the workspace may be unreachable while waiting (default 5).
    :param poll_seconds: shortest pause between two looks; it grows to a tenth of the time waited, 30 s at most
        (default 2).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "deferrable",
        "outage_minutes",
        "poll_seconds",
    )

    def __init__(
        self,
        *,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        outage_minutes: float | str = 5,
        poll_seconds: float | str = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.outage_minutes = outage_minutes
        self.poll_seconds = poll_seconds
        self._in_hand: Awaited | None = None

    def perform(self, context: Context) -> Record:
        """Begin, or take up what an earlier try began; wait; make the result."""
        started = time.time()
        patience = self._patience()
        deferrable = arguments.flag("deferrable", self.deferrable)
        with self._leaving_nothing_behind(context):
            before = self._in_hand = recall(context, self.log)
            awaited = self._take_up(context, before, started, patience, deferrable)
            if awaited is None:
                awaited = self._begin(context, before, started)
            if deferrable and not self._is_over(awaited):
                self._defer(context, awaited, patience)
            return self._finish(context, self._wait(awaited, patience), awaited)

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Airflow calls this when the trigger has fired. The event only wakes the task up: it looks again itself."""
        if (awaited := self._in_hand) is None or awaited.target is None:
            raise WorkspaceError(
                "what this task waited for is not in Airflow's task state store any more; clear the task to begin anew."
            )
        patience, status = self._patience(), event.get("status")
        self.log.info("The triggerer reports: %s", event.get("message"))
        target, borne = awaited.target, patience.in_brief if status == UNREACHABLE else patience
        seen = self.ask_patiently(lambda: self.look(target), self._in_words(awaited), borne)
        if status == DEADLINE and (not self.is_settled(seen) or self.was_cut_short(seen)):
            self._time_is_up(awaited)
        if not self.is_settled(seen):
            if status in {REFUSED, UNREACHABLE}:
                awaited = self._refused(context, awaited, event.get("message"))
            if awaited.refusals <= MOST_REFUSALS:
                self._defer(context, awaited, patience)
            seen = self._wait(awaited, patience)
        return self._finish(context, seen, awaited).to_dict()

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """As Airflow does; but when no triggerer ended the wait, say so and leave nothing behind."""
        with self._leaving_nothing_behind(context):
            self._in_hand = self.take_over(context)
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                if self._in_hand is None:
                    raise
                raise WaitTimeout(
                    f"no triggerer ended the wait for {self._in_words(self._in_hand)}, whose deadline passed "
                    f"{TRIGGERER_GRACE_SECONDS:.0f} s ago; see whether `airflow triggerer` runs."
                ) from error

    def on_kill(self) -> None:
        """End a request that this process waits for. What is to be given up then is not for a signal handler to say."""
        super().on_kill()
        INTERRUPTS.interrupt(TaskStopped("stopped."))

    @contextmanager
    def _leaving_nothing_behind(self, context: Context) -> Iterator[None]:
        try:
            yield
        except (Exception, AirflowTaskTimeout) as error:
            if (awaited := self._in_hand) is not None:
                if self._stopped_for_good or is_left_behind(self, context, error):
                    self.give_up(awaited)
                else:
                    self.log.info("%s goes on; another try of this task takes it up.", self._in_words(awaited))
            raise

    def _take_up(
        self, context: Context, before: Awaited | None, started: float, patience: Patience, deferrable: bool
    ) -> Awaited | None:
        """What an earlier try of this execution waits for, when the task still asks for the same."""
        ti = context["ti"]
        if before is None or before.max_tries != ti.max_tries or before.asked != self._asked():
            return None
        awaited = replace(before, try_number=ti.try_number, try_started=started, refusals=0)
        to_be_deferred = deferrable and before.target is not None
        try:
            seen = self.earlier(before, patience.in_brief if to_be_deferred else patience)
        except WorkspaceError as error:
            if not (to_be_deferred and error.retryable):
                raise
            self.log.warning("%s The wait for %s goes on in the triggerer.", error, self._in_words(awaited))
            self._keep(context, awaited)
            return awaited
        if seen is None:
            return None
        awaited = replace(awaited, target=self.target_of(seen))
        self._keep(context, awaited)
        self.log.info("An earlier try began to wait for %s already.", self._in_words(awaited))
        self.show(context, seen)
        return awaited

    def _begin(self, context: Context, before: Awaited | None, started: float) -> Awaited:
        """The store knows the key before the workspace does: a process that dies in between leaves nothing unknown."""
        plan, ti = self.prepare(context), context["ti"]
        if before is not None and before.submission_key != plan.key:
            self.supersede(before)
        limit = Limit(deadline=time.time() + plan.limit_seconds, seconds=plan.limit_seconds, words=plan.limit)
        intended = Awaited(
            conn_id=self.hook.azureml_conn_id,
            target=None,
            limit=limit,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            try_started=started,
            submission_key=plan.key,
            asked=self._asked(),
            metric=plan.metric,
            memo=plan.memo,
        )
        self._keep(context, intended)
        if self.was_killed():
            raise TaskStopped("stopped before it began.")
        with INTERRUPTS.allowed():
            seen = plan.begin()
        awaited = replace(intended, target=self.target_of(seen))
        self._keep(context, awaited)
        self.show(context, seen)
        return awaited

    def _keep(self, context: Context, awaited: Awaited) -> None:
        self._in_hand = awaited
        remember(context, awaited)

    def _asked(self) -> str:
        """A fingerprint of the rendered arguments, how to wait apart."""
        fields = {"azureml_conn_id", *self.template_fields} - set(AzureMLWaitingOperator.template_fields[1:])
        return fingerprint([(name, getattr(self, name)) for name in sorted(fields)])

    def _patience(self) -> Patience:
        outage = arguments.number("outage_minutes", self.outage_minutes) * 60
        return Patience.without_deadline(arguments.number("poll_seconds", self.poll_seconds), outage)

    def _is_over(self, awaited: Awaited) -> bool:
        """Whether it is settled already, as what another try began may be."""
        try:
            return self.is_settled(self._look(awaited))
        except WorkspaceError as error:
            if error.retryable:
                return False  # the trigger bears outages
            raise

    def _refused(self, context: Context, awaited: Awaited, message: Any) -> Awaited:
        """The triggerer could not look, and this worker just did."""
        self.log.warning(
            "This worker sees %s, but the triggerer does not: %s The triggerer's process needs the same connection, "
            "with the same token.",
            self._in_words(awaited),
            message,
        )
        refused = replace(awaited, refusals=awaited.refusals + 1)
        self._keep(context, refused)
        return refused

    def _defer(self, context: Context, awaited: Awaited, patience: Patience) -> NoReturn:
        if awaited.links != self.pushed_links:
            self._keep(context, replace(awaited, links=self.pushed_links))
        if self.was_killed():
            raise TaskStopped(f"stopped before waiting for {self._in_words(awaited)}.")
        deadline = awaited.nearest_limit(self.execution_timeout).deadline
        self.defer(
            trigger=self.trigger(
                awaited, deadline=deadline, poll_seconds=patience.poll, outage_seconds=patience.outage
            ),
            method_name=self.resume.__name__,
            timeout=timedelta(seconds=max(deadline - time.time(), 0) + TRIGGERER_GRACE_SECONDS),
        )

    def _look(self, awaited: Awaited) -> T:
        return self.ask(lambda: self.look(str(awaited.target)))

    def ask(self, question: Callable[[], A]) -> A:
        """What the workspace answers; when it refuses the token, once more with the connection as it is now."""
        try:
            return self._ask_once(question)
        except Unauthorized:
            self.hook = AzureMLHook(self.hook.azureml_conn_id)
            return self._ask_once(question)

    def _ask_once(self, question: Callable[[], A]) -> A:
        _ = self.hook.workspace  # opened before, which takes a talk with Airflow
        with INTERRUPTS.allowed():
            return question()

    def _wait(self, awaited: Awaited, patience: Patience) -> T:
        """Wait in this worker."""
        limit = awaited.nearest_limit(self.execution_timeout)
        try:
            return wait_until(
                lambda: self._look(awaited),
                self.is_settled,
                what=self._in_words(awaited),
                patience=replace(patience, deadline=limit.deadline - time.time(), limit=limit.words),
                log=self.log,
                report=self.reporter(awaited),
                stopped=self.was_killed,
            )
        except (WaitTimeout, AirflowTaskTimeout) as error:
            raise type(error)(self._late(awaited)) from error

    def ask_patiently(
        self,
        question: Callable[[], A],
        what: str,
        patience: Patience,
        until: Callable[[A], bool] = lambda _answer: True,
    ) -> A:
        """What the workspace answers, which may take as long as an outage may. `until`: whether the answer is final."""
        return wait_until(
            lambda: self.ask(question), until, what=what, patience=patience, log=self.log, stopped=self.was_killed
        )

    def _finish(self, context: Context, seen: T, awaited: Awaited) -> Record:
        self._in_hand = None  # it is over; nothing is left behind, however this ends
        return self.finish(context, seen, awaited)

    def _time_is_up(self, awaited: Awaited) -> NoReturn:
        of_the_try = awaited.nearest_limit(self.execution_timeout).words == EXECUTION_TIMEOUT
        raise (AirflowTaskTimeout if of_the_try else WaitTimeout)(self._late(awaited))

    def _late(self, awaited: Awaited) -> str:
        limit = awaited.nearest_limit(self.execution_timeout)
        return f"{self._in_words(awaited)} was not done after {limit.seconds:.0f} s, {limit.words}."

    def _in_words(self, awaited: Awaited) -> str:
        return self.describe(awaited.target) if awaited.target else "what was about to begin"
