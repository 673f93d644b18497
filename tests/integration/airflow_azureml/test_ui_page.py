"""The pages in Airflow's own API server: who may see them, and what they show of real runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from tests.integration.airflow_azureml.ui_airflow import UIAirflow
from tests.local_server import LocalServer, eventually

from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.integration

ROOT = "/team/airflow"
"""The pages have to work below a path, as behind a company's proxy."""


@pytest.fixture(scope="module")
def airflow(local_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UIAirflow]:
    airflow = UIAirflow(tmp_path_factory.mktemp("ui") / "airflow", local_server, ROOT)
    airflow.migrate()
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def ran(airflow: UIAirflow) -> dict[str, Any]:
    csv = airflow.home / "bank.csv"
    generate_bank_marketing(csv, rows=300)
    return airflow.run_dag("submits_runs", csv=str(csv))


@pytest.fixture(scope="module")
def admin(airflow: UIAirflow) -> requests.Session:
    return airflow.session("admin")


def address(airflow: UIAirflow, ran: dict[str, Any], task_id: str, link: str = "azureml_run_url") -> str:
    """Where the button of a task leads."""
    return airflow.url.removesuffix(ROOT) + str(ran["xcom"][task_id][link])


def changed(url: str, **query: str) -> str:
    """The address with other values in its query; one that is empty is left out."""
    given = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} | query
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value)
    return f"{url.partition('?')[0]}?{text}"


@pytest.mark.parametrize("task_id", ["automl", "pipeline", "sensor"])
def test_button_leads_to_the_page_after_the_task_has_ended(
    airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session, task_id: str
) -> None:
    """Also when the process that ended the task (`sensor`, which had been deferred) is not the one that pushed it."""
    run_id = quote(ran["run_id"], safe="")
    links = admin.get(
        f"{airflow.url}/api/v2/dags/submits_runs/dagRuns/{run_id}/taskInstances/{task_id}/links", timeout=30
    ).json()
    assert links["extra_links"] == {"Azure ML run": ran["xcom"][task_id]["azureml_run_url"]}
    assert links["extra_links"]["Azure ML run"].startswith(f"{ROOT}/azureml/run?dag_id=submits_runs&")


def test_automl_run_until_its_end(airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session) -> None:
    url = address(airflow, ran, "automl")
    answer = admin.get(url, timeout=30)
    assert answer.status_code == 200, answer.text
    assert ran["xcom"]["automl"]["azureml_run"]["run_id"] in answer.text

    ended = eventually(lambda: _ended(admin, url), seconds=120, what="the end of the run")
    assert "Best model: " in ended
    assert "AUC_weighted" in ended
    assert "phase search" in ended


def test_pipeline_run_and_its_steps(airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session) -> None:
    url = address(airflow, ran, "pipeline")
    ended = eventually(lambda: _ended(admin, url), seconds=120, what="the end of the pipeline run")
    assert "ui-model, version 1" in ended
    assert "step register_model" in ended
    automl, register = (admin.get(changed(url, step=name), timeout=30) for name in ("automl", "register_model"))
    assert automl.status_code == register.status_code == 200
    assert "Child runs" in automl.text
    assert "registered" in register.text
    assert admin.get(changed(url, step="nothing"), timeout=30).status_code == 404


def test_published_pipeline(airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session) -> None:
    answer = admin.get(address(airflow, ran, "publish", "azureml_pipeline_url"), timeout=30)
    assert answer.status_code == 200
    assert "ui-pipeline" in answer.text


def _ended(session: requests.Session, url: str) -> str | None:
    text = session.get(url, timeout=30).text
    assert "Completed" in text or 'data-active="true"' in text, text
    return text if 'data-active="false"' in text else None


def test_nobody_is_led_to_the_login_and_back(airflow: UIAirflow, ran: dict[str, Any]) -> None:
    url = address(airflow, ran, "automl")
    browser = requests.get(url, headers={"Accept": "text/html"}, allow_redirects=False, timeout=30)
    assert browser.status_code == 303
    login = browser.headers["location"]
    assert login.startswith(f"{ROOT}/api/v2/auth/login?next=")
    assert parse_qs(urlsplit(login).query)["next"] == [url.removeprefix(airflow.url.removesuffix(ROOT))]
    followed = requests.get(url, headers={"Accept": "text/html"}, timeout=30)
    assert urlsplit(followed.url).path == f"{ROOT}/auth/login"


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/html", "X-Refresh": "1"}, {"Authorization": "Bearer x"}])
def test_nobody_is_refused(airflow: UIAirflow, ran: dict[str, Any], headers: dict[str, str]) -> None:
    answer = requests.get(address(airflow, ran, "automl"), headers=headers, timeout=30)
    assert answer.status_code in (401, 403)
    assert "AutoML" not in answer.text


def test_user_without_a_role_is_refused(airflow: UIAirflow, ran: dict[str, Any]) -> None:
    answer = airflow.session("guest").get(address(airflow, ran, "automl"), timeout=30)
    assert answer.status_code == 403
    assert "You may not see this" in answer.text
    assert "AutoML_" not in answer.text


@pytest.fixture
def forge(airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session) -> Iterator[Callable[..., None]]:
    """Writes an XCom by Airflow's API, as whoever may write those of the DAG can."""
    entries = f"{airflow.url}/api/v2/dags/submits_runs/dagRuns/{quote(ran['run_id'], safe='')}/taskInstances"

    def write(task_id: str, key: str, value: Any) -> None:
        answer = admin.patch(f"{entries}/{task_id}/xcomEntries/{key}", json={"value": value}, timeout=30)
        assert answer.ok, answer.text

    yield write
    for task_id in ("automl", "publish"):
        for key in ("azureml_run", "azureml_pipeline"):
            if key in ran["xcom"][task_id]:
                write(task_id, key, ran["xcom"][task_id][key])


def test_written_xcom_shows_no_other_run(
    airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session, forge: Callable[..., None]
) -> None:
    own, other = (ran["xcom"][task_id]["azureml_run"] for task_id in ("automl", "pipeline"))
    forge("automl", "azureml_run", other)
    answer = admin.get(address(airflow, ran, "automl"), timeout=30)
    assert answer.status_code == 404
    assert other["run_id"] not in answer.text
    forge("automl", "azureml_run", own | {"conn_id": "no_such_connection"})
    assert admin.get(address(airflow, ran, "automl"), timeout=30).status_code == 200, "the connection is the task's"


def test_run_that_a_sensor_waits_for(airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session) -> None:
    answer = admin.get(address(airflow, ran, "sensor"), timeout=30)
    assert answer.status_code == 200
    assert ran["xcom"]["pipeline"]["azureml_run"]["run_id"] in answer.text


def test_page_outlives_the_rendered_arguments(airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session) -> None:
    """Airflow keeps them for the last DAG runs only. What the DAG file writes out is known all the same."""
    with sqlite3.connect(airflow.home / "airflow.db") as database:
        kept = database.execute("SELECT * FROM rendered_task_instance_fields").fetchall()
        assert len(kept) == 4
        database.execute("DELETE FROM rendered_task_instance_fields")
    try:
        status = {
            task_id: admin.get(address(airflow, ran, task_id, link), timeout=30).status_code
            for task_id, link in (
                ("automl", "azureml_run_url"),
                ("sensor", "azureml_run_url"),
                ("publish", "azureml_pipeline_url"),
            )
        }
        assert status == {"automl": 200, "sensor": 404, "publish": 404}
    finally:
        with sqlite3.connect(airflow.home / "airflow.db") as database:
            places = ", ".join("?" * len(kept[0]))
            database.executemany(f"INSERT INTO rendered_task_instance_fields VALUES ({places})", kept)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"dag_id": "no_such_dag"}, 404),
        ({"dag_id": "~"}, 404),
        ({"task_id": "no_such_task"}, 404),
        ({"task_id": "publish"}, 404),
        ({"dag_run_id": "no_such_run"}, 404),
        ({"map_index": "3"}, 404),
        ({"map_index": "x"}, 400),
        ({"task_id": ""}, 400),
    ],
)
def test_addresses_that_name_no_run(
    airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session, query: dict[str, str], status: int
) -> None:
    assert admin.get(changed(address(airflow, ran, "automl"), **query), timeout=30).status_code == status


def test_run_and_connection_come_from_the_task_alone(
    airflow: UIAirflow, ran: dict[str, Any], admin: requests.Session
) -> None:
    other = ran["xcom"]["pipeline"]["azureml_run"]["run_id"]
    answer = admin.get(changed(address(airflow, ran, "automl"), run_id=other, conn_id="other"), timeout=30)
    assert answer.status_code == 200
    assert other not in answer.text


def test_style_and_script_are_there(airflow: UIAirflow) -> None:
    for name, kind in (("azureml.css", "text/css"), ("refresh.js", "text/javascript")):
        answer = requests.get(f"{airflow.url}/azureml/static/{name}", timeout=30)
        assert answer.headers["content-type"].startswith(kind)
