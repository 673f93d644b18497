"""Operators that begin something in the workspace and wait for it: in their worker, or deferred in the triggerer."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferralTimeout

from airflow_azureml import _arguments as arguments
from airflow_azureml._waiting import DEADLINE, REFUSED, UNREACHABLE, Patience, TaskStopped, WaitTimeout, wait_until
from airflow_azureml.operators._awaited import Awaited, recall, remember
from airflow_azureml.operators.base import AzureMLBaseOperator
from azureml_workspace.errors import ServiceUnavailable, WorkspaceError

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from azureml_workspace.records import Record

T = TypeVar("T")

TRIGGERER_GRACE_SECONDS = 900.0
"""How long after the deadline a task stays deferred when no triggerer ends the wait."""

_EXECUTION_TIMEOUT = "the task's execution_timeout"


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What `begin` began, and how long it may take; `limit` says in words what sets that.

    `memo`, which is JSON, is what `finish` needs of what `begin` learned; another process may read it.
    """

    target: str
    limit_seconds: float
    limit: str
    memo: dict[str, Any] = field(default_factory=dict)


class AzureMLWaitingOperator(AzureMLBaseOperator, Generic[T]):
    """Begins something, waits until it is settled, and makes a result of it.

    :param deferrable: wait in the triggerer, which holds no worker slot (default `[operators] default_deferrable`).
    :param outage_minutes: how long the workspace may be unreachable while waiting (default 5).
    :param poll_seconds: pause between two looks; in the triggerer the shortest one (default 2).
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

    @abstractmethod
    def begin(self, context: Context) -> Begun:
        """Check everything, then begin it. Another try finds what was begun."""

    @abstractmethod
    def look(self, target: str) -> T:
        """How it is now."""

    @abstractmethod
    def is_settled(self, seen: T) -> bool:
        """Whether there is nothing to wait for any more."""

    @abstractmethod
    def describe(self, target: str) -> str:
        """What is waited for, in words."""

    @abstractmethod
    def reporter(self, awaited: Awaited) -> Callable[[T], None]:
        """Called with each look in a worker that waits; logs what is new."""

    @abstractmethod
    def trigger(self, awaited: Awaited, *, poll_seconds: float, outage_seconds: float) -> BaseTrigger:
        """What waits in the triggerer."""

    @abstractmethod
    def finish(self, context: Context, seen: T, awaited: Awaited) -> Record:
        """The operator's result. `seen` is settled; the operator may be another object than the one that began."""

    @abstractmethod
    def give_up(self, awaited: Awaited) -> None:
        """Nobody waits for it any more. Called from a signal handler too, so be short and raise nothing."""

    def supersede(self, before: Awaited) -> None:
        """An earlier execution of this task waited for something else, which may still go on."""

    def was_cut_short(self, seen: T) -> bool:  # noqa: ARG002
        """Whether `seen`, which is settled, is what giving up leaves behind."""
        return False

    def perform(self, context: Context) -> Record:
        """Begin, wait, make the result."""
        started = time.time()
        patience = self._patience()
        deferrable = arguments.flag("deferrable", self.deferrable)
        awaited = self._awaited(self.begin(context), started)
        self._in_hand = awaited
        before = recall(context, self.log)
        remember(context, awaited)
        if before is not None and before.target == awaited.target:
            self.log.info("An earlier try began to wait for %s already.", self.describe(awaited.target))
        elif before is not None:
            self.supersede(before)
        if deferrable and not self._is_over(awaited):
            self._defer(awaited, patience)
        return self.finish(context, self._wait(awaited, patience), awaited)

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Airflow calls this when the trigger has fired. The event only wakes the task up: it looks again itself."""
        patience = self._patience()
        awaited = self._take_up(context)
        what, status = self.describe(awaited.target), event.get("status")
        self.log.info("The triggerer reports: %s", event.get("message"))
        seen = self._look_patiently(awaited, patience)
        if status == DEADLINE and (not self.is_settled(seen) or self.was_cut_short(seen)):
            self._time_is_up(awaited)
        if not self.is_settled(seen):
            if status == REFUSED:
                raise WorkspaceError(f"the triggerer cannot wait for {what}. {event.get('message')}")
            if status == UNREACHABLE:
                raise ServiceUnavailable(f"the triggerer waited for {what} in vain. {event.get('message')}")
            self._defer(awaited, patience)
        return self.finish(context, seen, awaited).to_dict()

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """As Airflow does; but when no triggerer ended the wait, say so and leave nothing behind."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as error:
            awaited = self._take_up(context)
            self.give_up(awaited)
            raise WaitTimeout(
                f"no triggerer ended the wait for {self.describe(awaited.target)}, whose deadline passed "
                f"{TRIGGERER_GRACE_SECONDS:.0f} s ago; see whether `airflow triggerer` runs."
            ) from error

    def on_kill(self) -> None:
        """Give up what was begun. Before that there is nothing to stop; `perform` sees that it has to."""
        super().on_kill()
        if self._in_hand is not None:
            self.give_up(self._in_hand)

    def _patience(self) -> Patience:
        patience = Patience(
            poll=arguments.number("poll_seconds", self.poll_seconds),
            deadline=math.inf,  # known once `begin` has read the limits
            outage=arguments.number("outage_minutes", self.outage_minutes) * 60,
        )
        patience.validate()
        return patience

    def _awaited(self, begun: Begun, started: float) -> Awaited:
        """With the nearer of two limits: the wait's own from now, and `execution_timeout` from the start of this try.

        Airflow bounds with the latter only each stretch in a worker, not the time deferred.
        """
        own = Awaited(
            conn_id=self.azureml_conn_id,
            target=begun.target,
            deadline=time.time() + begun.limit_seconds,
            limit_seconds=begun.limit_seconds,
            limit=begun.limit,
            memo=begun.memo,
        )
        if self.execution_timeout is None:
            return own
        seconds = self.execution_timeout.total_seconds()
        bounded = replace(own, deadline=started + seconds, limit_seconds=seconds, limit=_EXECUTION_TIMEOUT)
        return min(own, bounded, key=lambda awaited: awaited.deadline)

    def _take_up(self, context: Context) -> Awaited:
        """What this task waits for, from the process that deferred it."""
        awaited = recall(context, self.log)
        if awaited is None:
            raise WorkspaceError(
                "what this task waited for is not in Airflow's task state store any more; clear the task to begin anew."
            )
        _ = self.hook.settings  # asks Airflow, which `on_kill`, called from a signal handler, must not
        self._in_hand = awaited
        return awaited

    def _is_over(self, awaited: Awaited) -> bool:
        """Whether it is settled already, as what another try began may be."""
        try:
            return self.is_settled(self.look(awaited.target))
        except WorkspaceError as error:
            if error.retryable:
                return False  # the trigger bears outages
            raise

    def _defer(self, awaited: Awaited, patience: Patience) -> NoReturn:
        if self.was_killed():
            self.give_up(awaited)
            raise TaskStopped(f"stopped before waiting for {self.describe(awaited.target)}.")
        self.defer(
            trigger=self.trigger(awaited, poll_seconds=patience.poll, outage_seconds=patience.outage),
            method_name=self.resume.__name__,
            timeout=timedelta(seconds=max(awaited.deadline - time.time(), 0) + TRIGGERER_GRACE_SECONDS),
        )

    def _wait(self, awaited: Awaited, patience: Patience) -> T:
        """Wait in this worker."""
        try:
            return wait_until(
                lambda: self.look(awaited.target),
                self.is_settled,
                what=self.describe(awaited.target),
                patience=replace(patience, deadline=awaited.deadline - time.time(), limit=awaited.limit),
                log=self.log,
                report=self.reporter(awaited),
                stopped=self.was_killed,
            )
        except AirflowTaskTimeout as error:
            raise AirflowTaskTimeout(self._late(awaited)) from error  # Airflow then calls `on_kill`
        except (TaskStopped, WaitTimeout):
            self.give_up(awaited)
            raise

    def _look_patiently(self, awaited: Awaited, patience: Patience) -> T:
        """One look, which may take as long as an outage may."""
        return wait_until(
            lambda: self.look(awaited.target),
            lambda _seen: True,
            what=self.describe(awaited.target),
            patience=patience,
            log=self.log,
            stopped=self.was_killed,
        )

    def _time_is_up(self, awaited: Awaited) -> NoReturn:
        self.give_up(awaited)
        self._in_hand = None  # Airflow calls `on_kill` after an AirflowTaskTimeout, and all is done
        raise (AirflowTaskTimeout if awaited.limit == _EXECUTION_TIMEOUT else WaitTimeout)(self._late(awaited))

    def _late(self, awaited: Awaited) -> str:
        return f"{self.describe(awaited.target)} was not done after {awaited.limit_seconds:.0f} s, {awaited.limit}."
