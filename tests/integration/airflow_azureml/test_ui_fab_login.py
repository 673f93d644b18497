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
USERS = {"viewer": "Viewer", "nobody": "Public"}
"""Roles by user; each user's name is the password."""


class FabAirflow(UIAirflow):
    """Airflow with FabAuthManager."""

    @property
    def environment(self) -> dict[str, str]:
        manager = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
        return super().environment | {"AIRFLOW__CORE__AUTH_MANAGER": manager}

    def add_users(self) -> None:
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


def test_login_leads_back_to_the_page(airflow: FabAirflow) -> None:
    answer = back_from_login(airflow, "viewer")
    assert answer.url == airflow.url + PAGE
    assert "This task has no Azure ML run" in answer.text


def test_user_without_permissions_is_refused(airflow: FabAirflow) -> None:
    answer = back_from_login(airflow, "nobody")
    assert answer.status_code == 403
    assert "You may not see this" in answer.text
