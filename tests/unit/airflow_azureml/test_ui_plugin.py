from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from tests.airflow_home import AIRFLOW_HOME

# isort: split
from airflow._shared.plugins_manager import is_valid_plugin
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from airflow_azureml.ui.access import task_place
from airflow_azureml.ui.app import create_app
from airflow_azureml.ui.plugin import AzureMLPlugin

pytestmark = pytest.mark.unit


def test_airflow_finds_the_plugin() -> None:
    (found,) = (point for point in entry_points(group="airflow.plugins") if point.name == "azureml")
    assert found.load() is AzureMLPlugin
    assert is_valid_plugin(AzureMLPlugin)
    assert [app["url_prefix"] for app in AzureMLPlugin.fastapi_apps] == ["/azureml"]


def test_importing_it_costs_a_task_nothing() -> None:
    """Every process of Airflow imports the plugin; beside what `airflow.sdk` brings, that is its own modules."""
    code = """
import sys
from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf
from airflow.sdk.plugins_manager import AirflowPlugin
before = set(sys.modules)
import airflow_azureml.ui.plugin
print("ADDED", *sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"AIRFLOW_HOME": str(AIRFLOW_HOME)},
    )
    added = set(done.stdout.partition("ADDED")[2].split())
    assert added <= {"airflow_azureml", "airflow_azureml.links", "airflow_azureml.ui", "airflow_azureml.ui.plugin"}


def test_every_route_is_guarded() -> None:
    """Airflow guards nothing in a mounted application, so a page that forgets to would be public."""
    routes = [route for route in create_app().routes if isinstance(route, APIRoute)]
    assert {route.path for route in routes} >= {"/run", "/pipeline"}
    assert [route.path for route in routes if not _asks_who(route.dependant)] == []


def _asks_who(dependant: Dependant) -> bool:
    return dependant.call is task_place or any(_asks_who(inner) for inner in dependant.dependencies)
