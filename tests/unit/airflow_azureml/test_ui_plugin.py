from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest
from tests.airflow_home import AIRFLOW_HOME

# isort: split
from airflow._shared.plugins_manager import is_valid_plugin
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from airflow_azureml.ui.access import run_place, task_place
from airflow_azureml.ui.app import create_app
from airflow_azureml.ui.plugin import AzureMLPlugin
from airflow_azureml.ui.workspace_access import acting_reader, workspace_reader

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
    assert {route.path for route in routes} >= {
        "/run",
        "/pipeline",
        "/dag-run",
        "/report",
        "/models",
        "/services/score",
    }
    guards = {task_place, run_place, workspace_reader}
    assert [route.path for route in routes if not _asks(route.dependant, guards)] == []


def test_every_route_that_does_something_wants_the_header_of_a_page() -> None:
    """The browser sends Airflow's cookie with the form of any other site as well."""
    routes = [route for route in create_app().routes if isinstance(route, APIRoute)]
    acting = [route for route in routes if not route.methods <= {"GET", "HEAD"}]
    assert {route.path for route in acting} == {"/services/keys", "/services/score", "/services/health"}
    assert [route.path for route in acting if not _asks(route.dependant, {acting_reader})] == []


def test_navigation_and_tab_lead_to_pages_that_there_are() -> None:
    paths = {f"/azureml{route.path}" for route in create_app().routes if isinstance(route, APIRoute)}
    views = AzureMLPlugin.external_views
    assert {view["href"].partition("?")[0] for view in views} <= paths
    assert sorted(view["destination"] for view in views) == ["dag_run", "nav", "nav", "nav", "nav"]


def _asks(dependant: Dependant, guards: set[Any]) -> bool:
    return dependant.call in guards or any(_asks(inner, guards) for inner in dependant.dependencies)
