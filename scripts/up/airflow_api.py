"""The running Airflow's REST API, as far as `make up` and `make run` need it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, ServiceUnavailable, WorkspaceError

_TIMEOUT = (3.0, 30.0)
_TOKEN_SECONDS = 3600.0
"""After which another token is asked for; Airflow's own limit is a day."""

_START_SECONDS = 60.0
_START_WAIT_SECONDS = 1.0


class AirflowApi:
    """Logs in when first used."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._login = {"username": user, "password": password}
        self._token_at = 0.0
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a .netrc has a say on this machine's own address

    def health(self) -> dict[str, Any]:
        """`{component: {"status", "latest_..._heartbeat"}}`; needs no login."""
        return self._answer(self._send("GET", "/api/v2/monitor/health"))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """:raises NotFound: there is no such thing. :raises ServiceUnavailable: Airflow does not answer."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises InvalidRequest: Airflow refuses it; in its words."""
        return self._call("POST", path, json=dict(body))

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises InvalidRequest: Airflow refuses it; in its words."""
        return self._call("PATCH", path, json=dict(body))

    def start_run(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Create a DAG run; gives its id. An answer that was lost is no second run: the id is chosen here.

        :raises InvalidRequest: Airflow refuses it; in its words.
        :raises ServiceUnavailable: Airflow could not do it for a minute.
        """
        run_id = f"manual__{datetime.now(UTC).isoformat(timespec='seconds')}_{secrets.token_hex(4)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                return str(self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])
            except Conflict:
                return run_id
            except ServiceUnavailable:
                if time.monotonic() + _START_WAIT_SECONDS > end:
                    raise
                time.sleep(_START_WAIT_SECONDS)

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        if time.monotonic() - self._token_at > _TOKEN_SECONDS or not self._token_at:
            answer = self._answer(self._send("POST", "/auth/token", json=self._login))
            self._session.headers["Authorization"] = f"Bearer {answer['access_token']}"
            self._token_at = time.monotonic()
        return self._answer(self._send(method, f"/api/v2{path}", **options))

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, self.url + path, timeout=_TIMEOUT, **options)
        except requests.RequestException as error:
            raise ServiceUnavailable(f"Airflow does not answer at {self.url} ({type(error).__name__}).") from error

    def _answer(self, response: requests.Response) -> dict[str, Any]:
        if response.ok:
            answer: dict[str, Any] = response.json()
            return answer
        raise _refusal(response)


def _refusal(response: requests.Response) -> WorkspaceError:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text[:500]
    message = f"Airflow answered {response.status_code}: {detail}"
    if response.status_code == requests.codes.not_found:
        return NotFound(message)
    if response.status_code == requests.codes.conflict:
        return Conflict(message)
    return ServiceUnavailable(message) if response.status_code >= 500 else InvalidRequest(message)
