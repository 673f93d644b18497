"""Airflow finds the package through its entry point: connection type, form, test button, links."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.airflow_home import AIRFLOW_HOME

pytestmark = pytest.mark.integration

LOOK = """
import json
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
hook = manager.hooks["azureml"]
prefix = "extra__azureml__"
fields = {n.removeprefix(prefix): w.field for n, w in manager.connection_form_widgets.items() if n.startswith(prefix)}
print("FOUND", json.dumps({
    "hook": [hook.hook_class_name, hook.connection_id_attribute_name, hook.hook_name, hook.connection_testable],
    "fields": fields,
    "behaviour": manager.field_behaviours["azureml"],
    "links": [link for link in manager.extra_links_class_names if "azureml" in link],
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script = tmp_path_factory.mktemp("provider") / "look.py"
    Path(script).write_text(LOOK)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "AIRFLOW_HOME": str(AIRFLOW_HOME), "HOME": str(AIRFLOW_HOME)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "FOUND" in done.stdout, done.stdout + done.stderr
    assert "airflow_azureml" not in done.stderr, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.partition("FOUND")[2])
    return result


def test_hook(found: dict[str, Any]) -> None:
    assert found["hook"] == ["airflow_azureml.hook.AzureMLHook", "azureml_conn_id", "Azure Machine Learning", True]


def test_form(found: dict[str, Any]) -> None:
    assert set(found["fields"]) == {
        "backend",
        "token_file",
        "workspace_config",
        "subscription_id",
        "resource_group",
        "workspace_name",
        "sign_in",
        "tenant_id",
        "certificate_path",
        "cloud",
        "cloud_metadata_url",
        "ca_file",
        "state_dir",
    }
    assert found["fields"]["backend"]["schema"]["title"] == "Backend"
    assert set(found["behaviour"]["hidden_fields"]) == {"port", "schema"}
    assert found["behaviour"]["relabeling"]["login"] == "Client ID"


def test_links(found: dict[str, Any]) -> None:
    assert set(found["links"]) == {
        f"airflow_azureml.links.AzureML{kind}Link" for kind in ("Run", "Pipeline", "Service", "Dataset", "Decision")
    }
