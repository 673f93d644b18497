"""What the operators that change a live service return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.results import VersionResult, short_text
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from azureml_gate.decision import Versioned
    from azureml_gate.history import ChampionEntry


@dataclass(frozen=True, kw_only=True)
class PromotionResult(Record):
    """A change of a live service, as its champion history has it.

    `action` is `promoted` or `restored`. `decision` is the path of the decision that counted; for a rollback by hand it
    is empty, or that of a promotion that this ended before its smoke test did. `at` is ISO 8601, `by` the DAG run or
    the person.
    """

    service_name: str
    action: str
    model: VersionResult
    previous: VersionResult | None
    decision: str
    drop_dataset: str
    drop_key: str
    by: str
    at: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ApprovalResult(Record):
    """Whether a decision may be carried out. `by` is who answered, empty when nobody was asked."""

    decision: str
    asked: bool
    approved: bool
    by: str = ""
    note: str = ""


def promotion_result(service: str, entry: ChampionEntry) -> PromotionResult:
    """Of an entry that put a model in place."""
    if entry.model is None:
        raise AssertionError("no model came of it")
    return PromotionResult(
        service_name=service,
        action=entry.action.value,
        model=_version(entry.model),
        previous=None if entry.previous is None else _version(entry.previous),
        decision=entry.decision,
        drop_dataset=entry.drop_dataset,
        drop_key=entry.drop_key,
        by=entry.by,
        at=entry.at.isoformat(),
        reason=short_text(entry.reason),
    )


def _version(model: Versioned) -> VersionResult:
    return VersionResult(name=model.name, version=model.version)
