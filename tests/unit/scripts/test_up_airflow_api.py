"""A DAG run is started once, however often Airflow has to be asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from scripts.up import airflow_api as module
from scripts.up.airflow_api import AirflowApi

pytestmark = pytest.mark.unit


def response(status: int, content: dict[str, Any]) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = status, json.dumps(content).encode()
    return made


class Airflow:
    """Answers in turn with the statuses given; remembers the runs that it was asked for."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked: list[dict[str, Any]] = []

    def send(self, _method: str, path: str, **options: Any) -> requests.Response:
        if path == "/auth/token":
            return response(201, {"access_token": "t"})
        self.asked.append(options["json"])
        status = self.statuses.pop(0)
        return response(status, {"detail": "no"} if status >= 400 else options["json"])


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_START_WAIT_SECONDS", 0)


def api(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> AirflowApi:
    made = AirflowApi("http://airflow", "admin", "p")
    monkeypatch.setattr(made, "_send", airflow.send)
    return made


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("statuses", [(200,), (500, 200), (500, 503, 409)])
def test_the_run_has_one_name_through_all_attempts(statuses: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow(*statuses)
    run_id = api(airflow, monkeypatch).start_run("d", {"label": "y"})
    assert [asked["dag_run_id"] for asked in airflow.asked] == [run_id] * len(statuses)
    assert airflow.asked[0]["conf"] == {"label": "y"}


def test_a_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow(400)
    with pytest.raises(InvalidRequest, match="Airflow answered 400: no"):
        api(airflow, monkeypatch).start_run("d", {})
    assert len(airflow.asked) == 1


@pytest.mark.usefixtures("no_waits")
def test_an_airflow_that_goes_on_failing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_START_SECONDS", -1)
    with pytest.raises(ServiceUnavailable, match="500"):
        api(Airflow(500), monkeypatch).start_run("d", {})
