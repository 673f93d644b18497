"""The pipeline's two DAGs in real Airflow, against the real local server: publish, retrain, deploy, retrain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import Ran, run_dag
from tests.local_server import LocalServer, eventually

from azureml_workspace.records import DatasetSource, DeploySettings
from azureml_workspace.statuses import ServiceState
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.e2e

PUBLISH, RETRAIN = "bank_marketing_publish_pipeline", "bank_marketing_retrain"
PIPELINE, DATASET, MODEL, SERVICE = "e2e-pipeline", "e2e-pipeline-bank", "e2e-pipeline-model", "e2e-retrain"
NAMES = {"pipeline_name": PIPELINE, "service_name": SERVICE}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module")
def published(airflow: Airflow, folder: Path) -> Ran:
    generate_bank_marketing(folder / "bank.csv", rows=300)
    return run_dag(
        airflow,
        PUBLISH,
        folder,
        data_path=str(folder / "bank.csv"),
        dataset_name=DATASET,
        pipeline_name=PIPELINE,
        experiment_name="e2e-retrain",
        model_name=MODEL,
        experiment_timeout_minutes=0.5,
        iterations=2,
    )


@pytest.fixture(scope="module")
def first(airflow: Airflow, folder: Path, published: Ran) -> Ran:
    return run_dag(airflow, RETRAIN, folder, **NAMES)


@pytest.fixture(scope="module")
def second(airflow: Airflow, folder: Path, first: Ran, local_server: LocalServer) -> Ran:
    """After the first model was deployed and more data came."""
    workspace = local_server.workspace()
    workspace.deploy(DeploySettings(service_name=SERVICE, model_name=MODEL, model_version=1))
    generate_bank_marketing(folder / "more.csv", rows=400)
    workspace.register_dataset(DATASET, DatasetSource(path=str(folder / "more.csv")))
    eventually(lambda: workspace.get_service(SERVICE).state is ServiceState.HEALTHY, what="the service")
    return run_dag(airflow, RETRAIN, folder, **NAMES, experiment_name="e2e-other", iterations=1)


def test_publish(published: Ran) -> None:
    assert published.state == "success", published.log
    result = published.result("publish_pipeline")
    assert (result["name"], result["version"], result["status"], result["created"]) == (PIPELINE, 1, "Active", True)
    assert published.xcom["publish_pipeline"]["azureml_pipeline_url"]


def test_the_first_model_has_no_champion(first: Ran) -> None:
    assert first.state == "success", first.log
    run, comparison = first.result("trigger_pipeline"), first.result("compare_models")
    assert (run["status"], run["experiment_name"]) == ("Completed", "e2e-retrain")
    assert run["pipeline"] == {"name": PIPELINE, "version": 1}
    assert run["dataset"] == {"name": DATASET, "version": 1}
    assert run["model"] == comparison["model"] == {"name": MODEL, "version": 1}
    assert (comparison["verdict"], comparison["champion"]) == ("first", None)
    assert first.xcom["trigger_pipeline"]["azureml_run"]["run_id"] == run["run_id"]


def test_the_second_model_stands_next_to_the_one_that_serves(second: Ran) -> None:
    assert second.state == "success", second.log
    run, comparison = second.result("trigger_pipeline"), second.result("compare_models")
    assert run["experiment_name"] == "e2e-other"
    assert run["dataset"] == {"name": DATASET, "version": 2}
    assert (comparison["model"]["version"], comparison["champion"]["version"]) == (2, 1)
    assert comparison["verdict"] in {"better", "worse", "equal"}
    primary = comparison["metrics"][0]
    assert primary["name"] == "AUC_weighted"
    assert primary["challenger"] == run["metrics"]["AUC_weighted"]
    assert primary["difference"] == pytest.approx(primary["challenger"] - primary["champion"])
    (warning,) = comparison["warnings"]
    assert f"was trained and measured on {DATASET} version 2" in warning


def test_the_log_tells_the_story(second: Ran) -> None:
    assert "POST http" in second.log
    assert "register_model" in second.log
    assert "challenger v2" in second.log
    assert "Verdict on AUC_weighted" in second.log


def test_each_model_version_is_an_event_of_the_asset(first: Ran, second: Ran) -> None:
    for ran, version, champion in ((first, 1, None), (second, 2, 1)):
        (event,) = ran.events
        assert (event["name"], event["uri"]) == ("bank-marketing-model", "azureml://models/bank-marketing")
        extra, comparison = event["extra"], ran.result("compare_models")
        assert (extra["model_name"], extra["model_version"], extra["champion_version"]) == (MODEL, version, champion)
        assert extra["run_id"] == ran.result("trigger_pipeline")["automl_run_id"]
        assert (extra["primary_metric"], extra["score"]) == ("AUC_weighted", comparison["metrics"][0]["challenger"])
        assert extra["verdict"] == comparison["verdict"]


def test_no_worker_waited(first: Ran) -> None:
    assert "Pausing task as DEFERRED" in first.log


def test_xcom_is_small_plain_json(published: Ran, first: Ran, second: Ran) -> None:
    for ran in (published, first, second):
        for task_id, entries in ran.xcom.items():
            text = json.dumps(entries)
            assert len(text) < 8192, task_id
            assert "__classname__" not in text


def test_no_secret_is_told(published: Ran, first: Ran, second: Ran, local_server: LocalServer) -> None:
    for ran in (published, first, second):
        assert local_server.token not in ran.log + json.dumps([ran.xcom, ran.events])


def test_nothing_published_says_what_to_do(airflow: Airflow, tmp_path: Path) -> None:
    failed = run_dag(airflow, RETRAIN, tmp_path, pipeline_name="e2e-never-published")
    assert failed.tasks == {"trigger_pipeline": "failed", "compare_models": "upstream_failed"}
    assert "bank_marketing_publish_pipeline" in failed.log
    assert failed.events == []
