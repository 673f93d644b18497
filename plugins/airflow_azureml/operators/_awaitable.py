"""What an operator has to say of the thing that it begins and waits for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_azureml._awaited import Awaited

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_azureml._waiting import Patience
    from azureml_workspace.records import Record

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Plan(Generic[T]):
    """What was checked and may begin: `begin` begins it, or finds what `key` began. `limit` says what sets the limit.

    `memo`, which is JSON, is what `finish` needs of what the checks learned; another process may read it. `metric`
    names a run's score.
    """

    begin: Callable[[], T]
    limit_seconds: float
    limit: str
    key: str | None = None
    metric: str = "score"
    memo: dict[str, Any] = field(default_factory=dict)


class Awaitable(Generic[T]):
    """`T` is what one look gives: a run or a service at one moment."""

    @abstractmethod
    def prepare(self, context: Context) -> Plan[T]:
        """Check everything; begin nothing."""

    @abstractmethod
    def target_of(self, seen: T) -> str:
        """What `look` takes."""

    @abstractmethod
    def show(self, context: Context, seen: T) -> None:
        """Push the link, and say where it is."""

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
    def trigger(self, awaited: Awaited, *, deadline: float, poll_seconds: float, outage_seconds: float) -> BaseTrigger:
        """What waits in the triggerer."""

    @abstractmethod
    def finish(self, context: Context, seen: T, awaited: Awaited) -> Record:
        """The operator's result. `seen` is settled; the operator may be another object than the one that began."""

    @abstractmethod
    def give_up(self, awaited: Awaited) -> None:
        """Nobody waits for it any more. There are only seconds, so be short and raise nothing."""

    def earlier(self, before: Awaited, patience: Patience) -> T | None:  # noqa: ARG002
        """What an earlier try began and this one may wait for; None when it has to begin anew."""
        return None

    def supersede(self, before: Awaited) -> None:
        """An earlier execution of this task waited for something else, which may still go on."""

    def was_cut_short(self, seen: T) -> bool:  # noqa: ARG002
        """Whether `seen`, which is settled, is what giving up leaves behind."""
        return False
