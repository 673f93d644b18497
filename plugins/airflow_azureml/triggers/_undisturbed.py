"""Finish a coroutine although its caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

_going_on: set[asyncio.Task[None]] = set()
"""An event loop holds its tasks only weakly."""


async def finish_undisturbed(work: Coroutine[Any, Any, None], log: Logger) -> None:
    """Wait until `work` is done, whoever cancels that wait. Raises nothing: there is nobody to catch it.

    Airflow 3.3 cancels a trigger once a second until it is gone, which ends its `on_kill` after the first second.
    `work` has to be short: a triggerer that shuts down waits for it too.
    """
    task = asyncio.create_task(_finish(work, log))
    _going_on.add(task)
    task.add_done_callback(_going_on.discard)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            continue


async def _finish(work: Coroutine[Any, Any, None], log: Logger) -> None:
    try:
        await work
    except Exception:
        log.exception("What had to be done when the trigger was killed has failed.")
