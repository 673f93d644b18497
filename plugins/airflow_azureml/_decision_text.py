"""A decision of the gate as a person reads it before approving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azureml_gate.decision import Check, DecisionRecord, Versioned


def subject(decision: DecisionRecord) -> str:
    """The question in one line."""
    request = decision.request
    return f"Promote {_model(request.challenger)} to {request.service}?"


def body(decision: DecisionRecord) -> str:
    """Every condition with its figure and its limit, as Markdown."""
    request = decision.request
    lines = [
        f"**{decision.reason}**",
        "",
        f"* Challenger: {_model(request.challenger)}" + (f", drop `{request.drop_key}`" if request.drop_key else ""),
        f"* Champion: {_model(decision.champion)}",
        f"* Holdout: {_model(request.holdout)}",
        f"* Record: `{decision.path}`",
        "",
        "| Check | Outcome | Observed | Limit | |",
        "|---|---|---|---|---|",
        *(_row(check) for check in decision.checks),
    ]
    return "\n".join(lines)


def _row(check: Check) -> str:
    cells = (check.name, check.outcome, _figure(check.observed), _figure(check.limit), check.detail)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _model(model: Versioned | None) -> str:
    return "none" if model is None else f"{model.name} version {model.version}"
