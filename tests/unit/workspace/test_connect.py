from __future__ import annotations

import subprocess
import sys

import pytest

from azureml_workspace.connect import open_workspace
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.unit


def test_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="'azure_v9'; choose one of local"):
        open_workspace(WorkspaceSettings(backend="azure_v9"))


@pytest.mark.parametrize("url", ["127.0.0.1:8790", "ftp://x", "http://", ""])
def test_bad_url(url: str) -> None:
    with pytest.raises(InvalidRequest, match="workspace URL"):
        open_workspace(WorkspaceSettings(url=url))


def test_two_credentials() -> None:
    with pytest.raises(InvalidRequest, match="both set"):
        open_workspace(WorkspaceSettings(token="t", token_file="f"))


def test_a_masker_learns_the_token_before_it_is_used() -> None:
    learned: list[str] = []
    open_workspace(WorkspaceSettings(token="sesame"), on_secret=learned.append)
    assert learned == ["sesame"]
    assert "sesame" not in repr(WorkspaceSettings(token="sesame"))


def test_importing_the_factory_imports_no_adapter() -> None:
    code = (
        "import sys, azureml_workspace.connect as c; "
        "sys.exit(any(m == 'requests' or m.startswith('azureml_workspace.local') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
