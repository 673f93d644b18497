"""A pipeline of one's own from the operator's arguments to a web service, with real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.airflow_azureml.conftest import TaskContext, connect
from tests.local_server import LocalServer

from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from airflow_azureml.operators.deploy_model import AzureMLDeployModelOperator
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator
from airflow_azureml.operators.smoke_score import AzureMLSmokeScoreOperator
from azureml_workspace.errors import InvalidRequest
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.integration

OWN = {
    "name": "scaled-regression",
    "steps": [
        {"estimator": "sklearn.preprocessing.StandardScaler"},
        {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"C": 0.3}},
    ],
}


def test_a_pipeline_of_ones_own_votes_and_serves(
    local_server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect(monkeypatch, local_server)
    generate_bank_marketing(tmp_path / "bank.csv", rows=400)
    dataset = AzureMLRegisterDatasetOperator(
        task_id="register", data=str(tmp_path / "bank.csv"), name="challenger-bank", label_column_name="y"
    ).execute(TaskContext("register"))  # type: ignore[arg-type]

    def automl(**given: object) -> AzureMLAutoMLRunOperator:
        return AzureMLAutoMLRunOperator(
            task_id="automl",
            dataset=dataset,
            label_column_name="y",
            experiment_name="challenger",
            experiment_timeout_minutes=2,
            iterations=2,
            allowed_models=["DecisionTree"],
            compute_target="challenger",
            poll_seconds=0.2,
            **given,  # type: ignore[arg-type]
        )

    misspelt = json.dumps([{**OWN, "steps": [{"estimator": "sklearn.linear_model.LogisticRegresion"}]}])
    with pytest.raises(InvalidRequest, match=r"no estimator 'LogisticRegresion'; did you mean 'LogisticRegression"):
        automl(custom_pipelines=misspelt).execute(TaskContext("refused"))  # type: ignore[arg-type]

    task = automl(custom_pipelines=json.dumps([OWN]), class_weights="balanced")
    trained = task.execute(TaskContext("automl"))  # type: ignore[arg-type]
    workspace = local_server.workspace()
    children = {child.algorithm: child for child in workspace.list_child_runs(trained["run_id"])}
    own = children["scaled-regression"]
    assert own.status == "Completed"
    assert own.parameters["step 2"] == "LogisticRegression(C=0.3)"
    assert own.parameters["class_weight"] == "balanced"
    assert own.score is not None
    assert trained["best_algorithm"] == "VotingEnsemble"
    assert set(children["VotingEnsemble"].parameters) == {"scaled-regression (child 0)", "DecisionTree (child 1)"}
    assert any("class_weights (balanced)" in finding["message"] for finding in trained["findings"])

    service = AzureMLDeployModelOperator(
        task_id="deploy", model=trained, service_name="challenger", poll_seconds=0.2
    ).execute(TaskContext("deploy"))  # type: ignore[arg-type]
    smoke = AzureMLSmokeScoreOperator(task_id="smoke", service=service, dataset=dataset, label_column_name="y").execute(
        TaskContext("smoke")
    )  # type: ignore[arg-type]
    assert set(smoke["labels"]) <= {"yes", "no"}
    workspace.delete_service("challenger")
