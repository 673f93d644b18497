"""How good the model that serves is on the newest rows whose labels are known: as the gate measured it last."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_gate.approval import is_approval
from azureml_gate.decision import DecisionRecord, Versioned
from azureml_workspace.protocol import Workspace

_MOST_READ = 50
"""Decisions that are looked through. Those of older data than the champion's have no figures."""


@dataclass(frozen=True, kw_only=True)
class MeasuredModel:
    """A model's figure of a metric, and the path of the decision that has it."""

    metric: str
    value: float
    decision: str


def last_measured(workspace: Workspace, service: str, model: Versioned, metric: str | None) -> MeasuredModel | None:
    """The newest figure of `model` in the decisions about `service`; None when there is none.

    The gate scores champion and challenger alike on each new holdout, and the challenger it promotes is the champion
    from then on. `metric` None: the primary metric of the decision.
    """
    found = [entry for entry in workspace.list_documents(f"decisions/{service}") if not is_approval(entry.path)]
    for entry in sorted(found, key=lambda entry: entry.updated_at, reverse=True)[:_MOST_READ]:
        decision = DecisionRecord.from_dict(workspace.read_document(entry.path).content)
        name = metric or decision.request.settings.primary_metric
        for figures in (decision.champion_figures, decision.challenger_figures):
            if figures is not None and (figures.name, figures.version) == (model.name, model.version):
                value = figures.metrics.get(name)
                if value is not None:
                    return MeasuredModel(metric=name, value=value, decision=entry.path)
    return None
