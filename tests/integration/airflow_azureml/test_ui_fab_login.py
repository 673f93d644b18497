"""The login and the permissions of the auth manager that `docker-compose.yaml` uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from tests.integration.airflow_azureml.ui_airflow import UIAirflow
from tests.local_server import LocalServer

pytestmark = pytest.mark.integration

PAGE = "/azureml/run?dag_id=d&dag_run_id=manual__1%2B00:00&task_id=t"
MODELS = "/azureml/models"
KEYS = "/azureml/services/keys?name=no-such-service"
SCORE = "/azureml/services/score?name=no-such-service"
ONE_DAG = "OneDag"
USERS = {"viewer": "Viewer", "nobody": "Public", "operator": "Op", "starter": "User", "single": ONE_DAG}
"""Roles by user; each user's name is the password. `ONE_DAG` reads everything of the DAG `d` and nothing of others."""
MAKE_ROLE = f"""
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
with get_application_builder() as builder:
    role = builder.sm.add_role({ONE_DAG!r})
    for resource in ("Website", "DAG:d", "XComs", "Task Instances", "DAG Runs", "Task Logs"):
        builder.sm.add_permission_to_role(role, builder.sm.create_permission("can_read", resource))
"""


class FabAirflow(UIAirflow):
    """Airflow with FabAuthManager."""

    @property
    def environment(self) -> dict[str, str]:
        manager = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
        return super().environment | {"AIRFLOW__CORE__AUTH_MANAGER": manager}

    def add_users(self) -> None:
        self._run("-c", MAKE_ROLE)
        for user, role in USERS.items():
            given = ("-u", user, "-p", user, "-r", role, "-f", "a", "-l", "b", "-e", f"{user}@example.com")
            self._run("-m", "airflow", "users", "create", *given)


@pytest.fixture(scope="module")
def airflow(local_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabAirflow]:
    airflow = FabAirflow(tmp_path_factory.mktemp("fab") / "airflow", local_server)
    airflow.migrate()
    airflow.add_users()
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()


def back_from_login(airflow: UIAirflow, user: str) -> requests.Response:
    """What a browser without a cookie shows at the page's address once its user has signed in."""
    browser = requests.Session()
    form = browser.get(airflow.url + PAGE, headers={"Accept": "text/html"}, timeout=30)
    assert urlsplit(form.url).path == "/auth/login/"
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form.text)
    assert token is not None
    given = {"csrf_token": token[1], "username": user, "password": user}
    return browser.post(form.url, data=given, timeout=30)


def signed_in(airflow: UIAirflow, user: str) -> requests.Session:
    """A browser after the login, of which the form allows only a few a minute."""
    answer = requests.post(f"{airflow.url}/auth/token", json={"username": user, "password": user}, timeout=30)
    browser = requests.Session()
    browser.cookies.set("_token", answer.json()["access_token"])
    return browser


def shown(airflow: UIAirflow, user: str, page: str) -> requests.Response:
    return signed_in(airflow, user).get(airflow.url + page, timeout=30)


def test_login_leads_back_to_the_page(airflow: FabAirflow) -> None:
    answer = back_from_login(airflow, "viewer")
    assert answer.url == airflow.url + PAGE
    assert "This task has no Azure ML run" in answer.text


def test_user_without_permissions_is_refused(airflow: FabAirflow) -> None:
    answer = back_from_login(airflow, "nobody")
    assert answer.status_code == 403
    assert "You may not see this" in answer.text


@pytest.mark.parametrize(("user", "status"), [("viewer", 200), ("starter", 200), ("operator", 200), ("nobody", 403)])
def test_pages_of_the_workspace_are_for_those_who_read_xcoms_of_all_dags(
    airflow: FabAirflow, user: str, status: int
) -> None:
    answer = shown(airflow, user, MODELS)
    assert answer.status_code == status
    assert ("<h1><span>Models</span></h1>" in answer.text) == (status == 200)


def test_who_may_see_one_dag_sees_no_page_of_the_workspace(airflow: FabAirflow) -> None:
    assert "This task has no Azure ML run" in shown(airflow, "single", PAGE).text
    assert shown(airflow, "single", MODELS).status_code == 403


@pytest.mark.parametrize(
    ("user", "keys", "score"), [("viewer", 403, 403), ("starter", 403, 404), ("operator", 404, 404)]
)
def test_keys_are_for_who_changes_connections_and_scores_for_who_starts_runs(
    airflow: FabAirflow, user: str, keys: int, score: int
) -> None:
    """404 is the workspace's own word on a service that there is not."""
    browser = signed_in(airflow, user)
    header = {"X-Azureml-Page": "services"}
    answers = [browser.post(airflow.url + path, headers=header, json={}, timeout=30) for path in (KEYS, SCORE)]
    assert [answer.status_code for answer in answers] == [keys, score]
    assert browser.post(airflow.url + KEYS, json={}, timeout=30).status_code == 403, "another site's form"


def test_another_connection_is_for_who_reads_connections(airflow: FabAirflow) -> None:
    assert shown(airflow, "viewer", f"{MODELS}?conn_id=other").status_code == 403
    answer = shown(airflow, "operator", f"{MODELS}?conn_id=other")
    assert answer.status_code == 503
    assert "There is no such connection" in answer.text
