"""Messages to and from a child process, whatever the child does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from azureml_workspace.azure_v1.sdk_channel import Channel, Late

pytestmark = pytest.mark.unit

Open = Callable[[str], Channel]

# The line's own end, without the SDK: a thread asks for tokens while operations come in.
TALKS = """
import sys, threading
from azureml_workspace.azure_v1.sdk.line import Line
line = Line()
line.read()
print("noise", flush=True)
def ask(): line.write({"got": line.token()})
while True:
    count = line.read()["count"]
    threads = [threading.Thread(target=ask) for _ in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    line.write({"result": count})
"""


@pytest.fixture
def child() -> Iterator[Open]:
    opened: list[tuple[subprocess.Popen[bytes], Channel]] = []

    def start(code: str) -> Channel:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        opened.append((process, Channel(process)))
        return opened[-1][1]

    yield start
    for process, channel in opened:
        process.kill()
        process.wait()
        channel.close()


def soon(seconds: float = 30) -> float:
    return time.monotonic() + seconds


def test_long_messages_come_whole(child: Open) -> None:
    channel = child("import sys; sys.stdout.write(sys.stdin.readline()); sys.stdout.flush(); sys.stdin.read()")
    message = {"text": "x" * 1_000_000}
    channel.send(message, soon())
    assert channel.receive(soon()) == message


def test_a_child_that_does_not_read_holds_nobody_up(child: Open) -> None:
    channel = child("import time; time.sleep(60)")
    with pytest.raises(Late):
        channel.send({"text": "x" * 1_000_000}, soon(0.3))


def test_a_child_that_says_nothing_or_half(child: Open) -> None:
    for code in ("", "print('{', end='', flush=True);"):
        with pytest.raises(Late):
            child(code + "import time; time.sleep(60)").receive(soon(0.5))


def test_a_child_that_ends(child: Open) -> None:
    with pytest.raises(EOFError):
        child("print('{', end='')").receive(soon())


def test_a_child_that_says_something_else(child: Open) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        child("print('Traceback')").receive(soon())


def test_tokens_are_asked_for_by_many_threads_at_once(child: Open) -> None:
    channel = child(TALKS)
    channel.send({"configuration": 1}, soon())
    for count in (3, 1, 5):
        channel.send({"count": count}, soon())
        got, given = [], 0
        while "result" not in (answer := channel.receive(soon())):
            if "token" in answer:
                given += 1
                channel.send({"token": f"token-{given}"}, soon())
            else:
                got.append(answer["got"])
        assert answer["result"] == count
        assert sorted(got) == [f"token-{number}" for number in range(1, count + 1)]
