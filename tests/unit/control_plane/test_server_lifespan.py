"""In which order the server's parts begin and end."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from azureml_local.paths import Home
from azureml_local.server.app import create_app
from azureml_local.server.workspace import LocalWorkspace, WorkspaceConfig

pytestmark = pytest.mark.unit

TOKEN = "lifespan-0123456789"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LocalWorkspace, list[str]]:
    """A workspace, and what it tells of its own beginning and end."""
    home = Home(tmp_path / "home")
    home.create()
    workspace, said = LocalWorkspace(WorkspaceConfig(home=home, base_url="http://127.0.0.1:1")), []
    start, close = workspace.start, workspace.close
    monkeypatch.setattr(workspace, "start", lambda: (said.append("start"), start()))
    monkeypatch.setattr(workspace, "close", lambda: (said.append("close"), close()))
    return workspace, said


def test_what_asks_the_workspace_ends_before_it(told: tuple[LocalWorkspace, list[str]]) -> None:
    workspace, said = told
    app = create_app(workspace, TOKEN, lambda: said.append("started"), lambda: said.append("stopping"))
    with TestClient(app) as client:
        assert client.get("/health").status_code == 200
    assert said == ["start", "started", "stopping", "close"]


def test_a_workspace_that_was_started_is_closed_when_the_rest_cannot_start(
    told: tuple[LocalWorkspace, list[str]],
) -> None:
    workspace, said = told

    def refuse() -> None:
        raise RuntimeError("no")

    app = create_app(workspace, TOKEN, refuse, lambda: said.append("stopping"))
    with pytest.raises(RuntimeError, match="no"), TestClient(app):
        pass
    assert said == ["start", "stopping", "close"]
    assert str(app.state.start_error) == "no"
