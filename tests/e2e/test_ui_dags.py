"""The DAGs in Airflow's UI, in a browser: by hand and by the schedule, to green, with links that lead somewhere."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser import CHROMIUM, PATIENCE_MS, open_page
from tests.e2e.airflow_pages import AirflowPages
from tests.e2e.checkout_up import UpCheckout
from tests.local_server import eventually

from azureml_local.paths import Home
from azureml_local.server.shutdown import live_jobs
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="needs the system package chromium (apt-get install chromium)"),
]

TRAIN, PUBLISH, RETRAIN = "bank_marketing_train", "bank_marketing_publish_pipeline", "bank_marketing_retrain"
TRAIN_TASKS = ["register_dataset", "automl_run", "deploy", "enable_insights", "smoke_score", "benchmark"]
PUBLISH_TASKS = ["register_dataset", "publish_pipeline"]
RETRAIN_TASKS = ["trigger_pipeline", "compare_models"]
SHORT = {"experiment_timeout_minutes": "0.1", "iterations": "2"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpCheckout]:
    made = UpCheckout.make(tmp_path_factory.mktemp("ui"), BANK_MARKETING_RETRAIN_SCHEDULE="* * * * *")
    try:
        done = made.up()
        assert done.returncode == 0, done.stdout + done.stderr
        yield made
    finally:
        made.down()
    assert made.processes() == {}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "bank.csv"
    generate_bank_marketing(path, rows=400)
    return str(path)


@pytest.fixture(scope="module")
def pages(checkout: UpCheckout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowPages]:
    shots: Path = tmp_path_factory.mktemp("shots")
    with open_page() as page:
        opened = AirflowPages(page, checkout.url, shots)
        opened.log_in("admin", checkout.password)
        yield opened


def test_the_three_dags_are_listed(pages: AirflowPages) -> None:
    pages.dag_list()
    for dag_id in (TRAIN, PUBLISH, RETRAIN):
        expect(pages.page.get_by_role("link", name=dag_id, exact=True)).to_be_visible()
    pages.shot("dags")


@pytest.fixture(scope="module")
def trained(checkout: UpCheckout, pages: AirflowPages, bank: str) -> str:
    """The run of the train DAG that was started through the form; its AutoML task was looked at while it waited."""
    form = {"Data": {"data_path": bank}, "AutoML": SHORT, "Benchmark": {"benchmark_requests": "50"}}
    run_id = pages.trigger(TRAIN, form)
    task = f"/dags/{TRAIN}/dagRuns/{run_id}/taskInstances/automl_run"
    (job,) = eventually(lambda: live_jobs(Home(checkout.layout.azureml_home)).values(), seconds=120, what="the job")
    os.kill(job.pid, signal.SIGSTOP)  # so that the run does not end before it is looked at
    try:
        links = f"{task}/links"
        eventually(lambda: checkout.api().get(links)["extra_links"]["Azure ML run"], seconds=60, what="the link")
        button = pages.task_link(TRAIN, run_id, "automl_run", "Azure ML run")
        assert pages.task_state() in {"Running", "Deferred"}
        pages.shot("train-link-while-it-runs")
    finally:
        os.kill(job.pid, signal.SIGCONT)
    button.click()
    expect(pages.page).to_have_title(
        # Whatever the state is by now, it is a run's page.
        re.compile(r"AutoML_.* · Azure ML"),
        timeout=PATIENCE_MS,
    )
    pages.shot("train-run-page-while-it-runs")
    return run_id


def test_train_by_hand(checkout: UpCheckout, pages: AirflowPages, trained: str) -> None:
    states = checkout.finished(TRAIN, trained)
    assert states == dict.fromkeys(["", *TRAIN_TASKS], "success")
    pages.expect_green(TRAIN, trained, TRAIN_TASKS)
    pages.task_link(TRAIN, trained, "automl_run", "Azure ML run").click()
    expect(pages.page.locator("body")).to_contain_text("Completed", timeout=PATIENCE_MS)
    pages.shot("train-run-page")


@pytest.fixture(scope="module")
def published(checkout: UpCheckout, pages: AirflowPages, trained: str, bank: str) -> str:
    checkout.finished(TRAIN, trained)
    run_id = pages.trigger(PUBLISH, {"Data": {"data_path": bank}, "AutoML": SHORT})
    checkout.finished(PUBLISH, run_id)
    return run_id


def test_publish_by_hand(pages: AirflowPages, published: str) -> None:
    pages.expect_green(PUBLISH, published, PUBLISH_TASKS)
    pages.task_link(PUBLISH, published, "publish_pipeline", "Azure ML pipeline").click()
    expect(pages.page.locator("body")).to_contain_text("bank-marketing-train", timeout=PATIENCE_MS)
    pages.shot("publish-pipeline-page")


@pytest.fixture(scope="module")
def switched_on(pages: AirflowPages, published: str) -> None:
    """The DAG starts paused, and stays on from here: a DAG that is paused does not go on with what it began."""
    pages.switch(RETRAIN, on=True)


def test_retrain_by_its_schedule(checkout: UpCheckout, pages: AirflowPages, switched_on: None) -> None:
    api = checkout.api()

    def scheduled() -> list[str]:
        runs = api.get(f"/dags/{RETRAIN}/dagRuns", run_type="scheduled")["dag_runs"]
        return [run["dag_run_id"] for run in runs]

    run_id = eventually(scheduled, seconds=90, what="a run by the schedule")[0]
    states = checkout.finished(RETRAIN, run_id)
    assert states == dict.fromkeys(["", *RETRAIN_TASKS], "success")
    pages.expect_green(RETRAIN, run_id, RETRAIN_TASKS)
    pages.task_link(RETRAIN, run_id, "trigger_pipeline", "Azure ML run").click()
    expect(pages.page.locator("body")).to_contain_text("Completed", timeout=PATIENCE_MS)
    pages.shot("retrain-run-page")


def test_retrain_by_hand(checkout: UpCheckout, pages: AirflowPages, switched_on: None) -> None:
    run_id = pages.trigger(RETRAIN, {})
    states = checkout.finished(RETRAIN, run_id, seconds=400)  # those by the schedule have their turn first
    assert states == dict.fromkeys(["", *RETRAIN_TASKS], "success")
    pages.expect_green(RETRAIN, run_id, RETRAIN_TASKS)
    entry = checkout.api().get(
        f"/dags/{RETRAIN}/dagRuns/{run_id}/taskInstances/compare_models/xcomEntries/return_value", stringify="false"
    )
    assert entry["value"], json.dumps(entry)
