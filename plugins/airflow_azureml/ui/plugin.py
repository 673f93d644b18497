"""The plugin that Airflow finds through its entry point.

Every process of Airflow imports this, also each task's; only the API server calls the application, so only there is it
made, and it is made at the first request: an error in it costs these pages and not the server's start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

from airflow_azureml.links import PAGES, pages_root

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@cache
def _application() -> Application:
    from airflow_azureml.ui.app import create_app

    return create_app()


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application with all pages."""
    await _application()(scope, receive, send)


def _navigation(name: str, page: str) -> dict[str, Any]:
    return {
        "name": f"Azure ML {name}",
        "href": f"{pages_root()}/{page}",
        "destination": "nav",
        "url_route": f"azureml-{page}",
    }


class AzureMLPlugin(AirflowPlugin):
    """Mounts the pages, and shows them in the navigation and on DAG runs."""

    name = "azureml"
    fastapi_apps = [{"app": pages, "url_prefix": PAGES, "name": "Azure ML"}]  # noqa: RUF012  # as Airflow declares it
    external_views = [  # noqa: RUF012  # as Airflow declares it
        _navigation("models", "models"),
        _navigation("web services", "services"),
        _navigation("data", "data"),
        _navigation("pipelines", "pipelines"),
        {
            "name": "Run details",
            "href": f"{pages_root()}/dag-run?dag_id={{DAG_ID}}&dag_run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "azureml-run-details",
        },
    ]
