"""The record of one decision, `decisions/{service}/{decision_id}`: every figure, and a reason in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from azureml_gate.figures import CohortFigures, Comparison, HoldoutFigures, ModelFigures
from azureml_gate.settings import GateSettings
from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class Versioned(Record):
    """A name and a version."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


@dataclass(frozen=True, kw_only=True)
class GateRequest(Record):
    """What is to be decided: whether `challenger`, served as `candidate_service`, replaces what `service` serves.

    `holdout` is a dataset version whose rows neither was trained on, `label` its column; a decision by age alone needs
    none. `drop_dataset` and `drop_key`
    name the newest drop in the challenger's training data; empty is what the model's tags say, if they say it. `by` is
    `dag_id/run_id`.
    """

    service: str
    candidate_service: str
    challenger: Versioned
    holdout: Versioned | None = None
    label: str = ""
    settings: GateSettings = field(default_factory=GateSettings)
    drop_dataset: str = ""
    drop_key: str = ""
    by: str = ""


class Verdict(StrEnum):
    """What was decided."""

    PROMOTE = "promote"
    REJECT = "reject"
    OLDER = "older"


@dataclass(frozen=True, kw_only=True)
class Check(Record):
    """One condition. `observed` and `limit` are its figures, None where there is none; `detail` is for a person.

    `outcome` is `warning` for what is said and does not count.
    """

    name: str
    outcome: Literal["passed", "failed", "warning"]
    detail: str
    observed: float | None = None
    limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class DecisionRecord(Record):
    """A decision. `champion` is None for the first model of a service.

    Figures are there as far as the decision came: a model of older data is turned away before anything is measured.
    `differences` are challenger minus champion of every metric that both have. `cohorts` are the worst of
    `cohorts_compared`. `warnings` say what the figures cannot be trusted for.
    `supersedes` is the decision that this one was made anew for, because the champion had changed meanwhile.
    """

    decision_id: str
    at: datetime
    request: GateRequest
    champion: Versioned | None
    verdict: Verdict
    reason: str
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    holdout: HoldoutFigures | None = None
    challenger_figures: ModelFigures | None = None
    champion_figures: ModelFigures | None = None
    comparison: Comparison | None = None
    differences: dict[str, float] = field(default_factory=dict)
    cohorts: tuple[CohortFigures, ...] = ()
    cohorts_compared: int = 0
    seconds: float = 0.0
    supersedes: str = ""

    @property
    def path(self) -> str:
        """Where it is stored."""
        return decision_path(self.request.service, self.decision_id)


def decision_path(service: str, decision_id: str) -> str:
    """Where a decision is stored."""
    return f"decisions/{service}/{decision_id}"
