"""The workspaces of a triggerer: one for all triggers of the same connection, with one HTTP session and few threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from airflow.sdk.log import mask_secret

from airflow_azureml.hook import AzureMLHook, hurried
from azureml_workspace.connect import open_workspace

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.settings import WorkspaceSettings

T = TypeVar("T")

_THREADS = 4
"""At once per connection: a workspace that hangs must not take the threads that other triggers need."""


class SharedWorkspace:
    """A workspace whose calls run in threads of its own. Gone, with its threads, when no trigger holds it any more."""

    def __init__(self, settings: WorkspaceSettings) -> None:
        # One look is short: the trigger itself bears outages. A second's repeat is for a connection that the server
        # closed between two looks.
        self._settings = replace(settings, connect_timeout=3.0, read_timeout=15.0, retry_seconds=1.0)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="azureml-poll")
        self._opening = Lock()

    async def call(self, ask: Callable[[Workspace], T]) -> T:
        """What `ask` returns or raises, called in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: ask(self._workspace()))

    def hurried(self) -> Workspace:
        """For a run that has to be cancelled at once; see `airflow_azureml.hook.hurried`. Not for the event loop."""
        return hurried(self._workspace())

    def _workspace(self) -> Workspace:
        """Opened in a thread: the adapter's import alone would hold up the event loop."""
        with self._opening:
            return self._opened

    @cached_property
    def _opened(self) -> Workspace:
        return open_workspace(self._settings, on_secret=mask_secret)


_shared: WeakValueDictionary[WorkspaceSettings, SharedWorkspace] = WeakValueDictionary()


async def shared_workspace(conn_id: str, *, instead_of: SharedWorkspace | None = None) -> SharedWorkspace:
    """The workspace of that connection, and another one than `instead_of`, whose token was refused.

    :raises: what `AzureMLHook.asettings` raises.
    """
    settings = await AzureMLHook(conn_id).asettings()
    workspace = _shared.get(settings)
    if workspace is None or workspace is instead_of:
        workspace = _shared[settings] = SharedWorkspace(settings)
    return workspace
