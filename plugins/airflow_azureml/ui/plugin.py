"""The plugin that Airflow finds through its entry point.

Every process of Airflow imports this, also each task's; only the API server calls the application, so only there is it
made, and it is made at the first request: an error in it costs these pages and not the server's start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

from airflow_azureml.links import PAGES

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


class AzureMLPlugin(AirflowPlugin):
    """Mounts the pages."""

    name = "azureml"
    fastapi_apps = [{"app": pages, "url_prefix": PAGES, "name": "Azure ML"}]  # noqa: RUF012  # as Airflow declares it
