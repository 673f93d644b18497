"""The workspace that a page asks, opened by the API server itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow._shared.secrets_masker import mask_secret as mask_in_core
from airflow.sdk.log import mask_secret as mask_in_sdk

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.ui.troubles import Trouble
from airflow_azureml.ui.views.reading import Reading
from azureml_workspace.connect import open_workspace

if TYPE_CHECKING:
    from azureml_workspace.settings import WorkspaceSettings

AT_ONCE = 8
"""Pages that ask workspaces at the same time. A workspace that hangs must not take all threads of the API server."""

_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, kw_only=True)
class PageSource:
    """`has_portal` says whether a browser can open the `portal_url` of the workspace's records."""

    reading: Reading
    has_portal: bool


@contextmanager
def page_source(conn_id: str, *, logs: bool) -> Iterator[PageSource]:
    """The workspace of that connection, for one page; `logs` says whether the page's reader may read logs.

    :raises Trouble: too many pages are being made just now. :raises: what `AzureMLHook.settings` raises.
    """
    if not _places.acquire(blocking=False):
        raise Trouble(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Too many pages at once",
            f"{AT_ONCE} other pages wait for the workspace just now.",
            "Reload the page in a moment.",
            passing=True,
        )
    try:
        hook = AzureMLHook(conn_id)
        workspace = open_workspace(_hurried(hook.settings), on_secret=mask)
        reading = Reading(workspace, source=hook.settings.url, logs=logs)
        yield PageSource(reading=reading, has_portal=hook.has_portal)
    finally:
        _places.release()


def _hurried(settings: WorkspaceSettings) -> WorkspaceSettings:
    return replace(settings, connect_timeout=1.0, read_timeout=3.0, retry_seconds=0.5)


def mask(secret: str) -> None:
    """Keep it out of the API server's log."""
    # The API server's own log is masked by Airflow's core, and what the SDK logs in it by the SDK.
    mask_in_core(secret)
    mask_in_sdk(secret)
