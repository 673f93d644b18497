"""Signals while `make up` starts."""

from __future__ import annotations

import gc
import os
import signal

import pytest

from scripts.up.interrupts import Interrupts


class SignalsWhenCollected:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):  # the handler runs between two instructions of this finaliser
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_whose_exception_is_swallowed_is_remembered() -> None:
    with Interrupts() as interrupts:
        SignalsWhenCollected()
        gc.collect()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_a_signal_interrupts_where_it_arrives() -> None:
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)


def test_what_the_caller_ignores_stays_ignored_and_handlers_come_back() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            interrupts.check()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
