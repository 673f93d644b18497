"""What AutoML on Azure writes beside its models, made from the engine's reports: guardrails, confusion matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from azureml_local.files import read_json
from azureml_workspace.records import DataGuardFinding

VERIFIER_RESULTS, CONFUSION_MATRIX = "outputs/verifier_results.json", "confusion_matrix"
"""Artifacts: of the AutoML run, and of its best trial."""
_RESULTS = {"warning": "Alerted", "error": "Alerted", "info": "Done"}


def verifier_results(run_folder: Path) -> dict[str, Any]:
    """Data guardrails, in the form that the SDK prints. Only what was noticed is there, not every check that passed."""
    found = read_json(run_folder / "outputs" / "data_guard.json") or {"findings": []}
    findings = [DataGuardFinding.from_dict(finding) for finding in found["findings"]]
    return {"schema_version": "1.0.0", "faults": [_fault(finding) for finding in findings]}


def confusion_matrix(run_folder: Path) -> dict[str, Any] | None:
    """Counts by true and predicted class; None when the run has no evaluation."""
    evaluation = read_json(run_folder / "outputs" / "evaluation.json")
    if evaluation is None:
        return None
    data = {"class_labels": evaluation["classes"], "matrix": evaluation["confusion_matrix"]}
    return {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": data}


def _fault(finding: DataGuardFinding) -> dict[str, Any]:
    return {
        "type": finding.guard,
        "version": 1,
        "result": _RESULTS[finding.severity],
        "friendly_type": finding.guard.replace("_", " ").capitalize(),
        "friendly_result": finding.message,
        "friendly_learn_more": finding.action,
        "friendly_parameter_preface": "",
        "friendly_parameters": [{"Column name": column} for column in finding.columns],
    }
