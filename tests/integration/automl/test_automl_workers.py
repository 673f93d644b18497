"""Worker processes that are stopped one at a time."""

from __future__ import annotations

import os
import time

import pytest

from azureml_local.automl.workers import WorkerPool

pytestmark = pytest.mark.integration


def test_a_task_that_is_stopped_leaves_the_others_alone_and_its_place_to_the_next() -> None:
    with WorkerPool(2) as pool:
        pool.submit(0, time.sleep, 600)
        pool.submit(1, os.getpid)
        stopped = pool.stop(0)
        assert (stopped.ticket, stopped.value, stopped.error) == (0, None, "stopped")
        first = pool.wait(60)
        assert [outcome.ticket for outcome in first] == [1]
        assert pool.idle == 2
        pool.submit(2, os.getpid)
        pool.submit(3, os.getpid)
        found = first
        while pool.running:
            found = [*found, *pool.wait(60)]
        assert [outcome.error for outcome in found] == ["", "", ""]
        assert len({outcome.value for outcome in found}) == 2
