"""A scripted HTTP session: what the server would answer, and what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from azureml_workspace.connect import open_workspace
from azureml_workspace.protocol import Workspace
from azureml_workspace.settings import WorkspaceSettings

Answer = requests.Response | Exception


def answer(status: int, body: Any = None, *, text: str | None = None, headers: dict[str, str] | None = None) -> Answer:
    response = requests.Response()
    response.status_code = status
    response.reason = "Reason"
    response._content = (json.dumps(body) if text is None else text).encode()
    response.headers.update(headers or {})
    return response


class Script:
    """Gives the answers in order, the last one for ever; `calls` holds (method, url, keyword arguments)."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.bodies: list[bytes] = []

    def __call__(self, _session: requests.Session, method: str, url: str, **kwargs: Any) -> requests.Response:
        self.calls.append((method, url, kwargs))
        if kwargs.get("data") is not None:
            self.bodies.append(kwargs["data"].read())
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        return given


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    scripted = Script()

    def request(session: requests.Session, method: str, url: str, **kwargs: Any) -> requests.Response:
        return scripted(session, method, url, **kwargs)

    monkeypatch.setattr(requests.Session, "request", request)
    return scripted


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only by sleeping; a one-element list with the seconds slept."""
    slept = [0.0]

    def sleep(seconds: float) -> None:
        slept[0] += seconds

    monkeypatch.setattr("azureml_workspace.local.client.time.sleep", sleep)
    monkeypatch.setattr("azureml_workspace.local.client.time.monotonic", lambda: slept[0])
    return slept


@pytest.fixture
def open_with() -> Callable[..., Workspace]:
    def build(**settings: Any) -> Workspace:
        return open_workspace(WorkspaceSettings(**({"token": "sesame-token"} | settings)))

    return build
