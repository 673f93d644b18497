"""Trouble with one thing among many: told once, tried less and less."""

from __future__ import annotations

import errno
import logging
import uuid
from itertools import pairwise

import pytest

from azureml_local.troubles import LONGEST_PAUSE, TroubleLog

pytestmark = pytest.mark.unit


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def denied() -> None:
    raise PermissionError(errno.EACCES, "denied", f"/models/.tmp-{uuid.uuid4().hex}")


def read_only() -> None:
    raise OSError(errno.EROFS, "read-only", f"/models/.tmp-{uuid.uuid4().hex}")


def test_the_same_trouble_in_other_words_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    troubles = TroubleLog(logging.getLogger("test"), Clock())
    for work in (denied, denied, read_only, denied, read_only):
        with troubles.isolated("run 1"):
            work()
    assert caplog.text.count("Traceback") == 2
    assert "goes on" not in caplog.text
    with caplog.at_level(logging.INFO), troubles.isolated("run 1"):
        pass
    assert "run 1: goes on" in caplog.text
    with troubles.isolated("run 1"):
        denied()
    assert caplog.text.count("Traceback") == 3


def test_what_failed_is_tried_less_and_less_and_holds_up_nothing_else() -> None:
    clock, tried = Clock(), {"bad": 0, "good": 0}
    troubles = TroubleLog(logging.getLogger("test"), clock)
    at: list[float] = []

    def bad() -> None:
        tried["bad"] += 1
        at.append(clock.now)
        denied()

    def good() -> None:
        tried["good"] += 1

    for _ in range(1000):
        troubles.attempt("bad", bad)
        troubles.attempt("good", good)
        clock.now += 0.1
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert tried["good"] == 1000
    assert tried["bad"] < 30
    assert pauses[:4] == sorted(pauses[:4])
    assert LONGEST_PAUSE <= pauses[-1] < LONGEST_PAUSE + 0.2
