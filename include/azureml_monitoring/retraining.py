"""Asking for a new training once, and not again before it can have helped: the document `retraining/{service}`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from azureml_workspace.documents import update_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class Retraining(Record):
    """A new training that was asked for, or (`is_asked` false) that was not, because of an earlier one.

    `run_id` is the DAG run that is triggered, by a name that asking again repeats. `by` is the `dag_id/run_id` of who
    asked.
    """

    dag_id: str
    run_id: str
    at: datetime
    by: str
    reason: str
    is_asked: bool = True
    conf: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RetrainingPlan(Record):
    """Which DAG trains, with which `conf`, and for how many hours after one training no other is asked for."""

    dag_id: str
    conf: dict[str, Any] = field(default_factory=dict)
    cooldown_hours: float = 24.0


def retraining_path(service: str) -> str:
    """Where the last one that was asked for is kept."""
    return f"retraining/{service}"


def ask_for_retraining(
    workspace: Workspace, service: str, plan: RetrainingPlan, *, reason: str, by: str, now: datetime
) -> Retraining:
    """Note that a training is asked for, unless another one was within the cool-down.

    Of several that ask at a time one gets it. The same DAG run that asks again (a retry) gets its own.
    """
    wanted = Retraining(
        dag_id=plan.dag_id,
        run_id=f"monitor__{service}__{now:%Y%m%dT%H%M%SZ}",
        at=now,
        by=by,
        reason=reason,
        conf=plan.conf,
    )
    found: list[Retraining] = []

    def claim(content: dict[str, Any] | None) -> dict[str, Any] | None:
        found.clear()
        if content is not None:
            last = Retraining.from_dict(content)
            is_recent = now - last.at < timedelta(hours=plan.cooldown_hours)
            if is_recent or (by and last.by == by):
                found.append(last)
                return None
        return wanted.to_dict()

    update_document(workspace, retraining_path(service), claim)
    if not found:
        return wanted
    last = found[0]
    if by and last.by == by:
        return last
    return Retraining(
        dag_id=last.dag_id,
        run_id=last.run_id,
        at=last.at,
        by=last.by,
        is_asked=False,
        conf=last.conf,
        reason=f"one was asked for at {last.at:%Y-%m-%d %H:%M} UTC, and the cool-down is {plan.cooldown_hours:g} hours",
    )
