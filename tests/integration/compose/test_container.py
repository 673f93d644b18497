"""The harness's containers: they keep together what a command starts, as the kernel does for Docker's."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.e2e.topology.container import INIT, Container, ContainerSpec
from tests.local_server import eventually

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(platform.system() != "Linux", reason="needs Linux: its children are followed through /proc"),
]

DAEMON = "setsid sh -c 'sleep 300 & sleep 300' & echo $$ >> pids; exec sleep 300"

Make = Callable[..., Container]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Container] = []

    def container(script: str, *, restart: bool = False) -> Container:
        spec = ContainerSpec(
            name="box",
            command=["sh", "-c", script],
            environment={"PATH": os.environ["PATH"]},
            health=["sh", "-c", "test -e healthy"],
            restart=restart,
            folder=tmp_path,
            log=tmp_path / "log",
            uid=os.geteuid(),
            gid=os.getegid(),
        )
        made.append(Container(spec))
        made[-1].start()
        return made[-1]

    yield container
    for left in made:
        left.stop()


def test_a_kill_reaches_what_detached_itself(make: Make) -> None:
    container = make(DAEMON)
    processes = eventually(lambda: found if len(found := container.processes()) == 4 else None, what="its processes")
    assert len(container.kill()) >= 4
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert container.wait(5) == 128 + signal.SIGKILL


def test_nothing_outlives_the_command(make: Make) -> None:
    container = make("setsid sleep 300 & echo started; sleep 0.3; exit 3")
    process = eventually(lambda: next(iter(container.processes()), None), what="its processes")
    assert container.wait(10) == 3
    assert container.processes() == []
    assert not process.is_running()


def test_nothing_outlives_the_session_that_started_it(tmp_path: Path) -> None:
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, {str(INIT)!r}, '{os.geteuid()}', "
    script += f"'{os.getegid()}', 'sh', '-c', 'setsid sleep 300 & sleep 300']); import time; time.sleep(300)"
    session = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
    started = psutil.Process(session.pid)
    processes = eventually(
        lambda: found if len(found := started.children(recursive=True)) == 4 else None, what="its processes"
    )
    session.kill()
    session.wait()
    eventually(lambda: not any(process.is_running() for process in processes), what="their end")


def test_it_is_started_again_unless_it_was_stopped(make: Make) -> None:
    container = make("echo x >> starts; sleep 300", restart=True)
    eventually(container.processes, what="its start")
    container.kill()
    eventually(lambda: container.starts == 2 and container.processes(), what="another start")
    container.stop()
    assert container.processes() == []
    assert container.starts == 2


def test_its_health_is_what_the_check_says(make: Make) -> None:
    container = make("sleep 0.2; touch healthy; sleep 300")
    assert not container.is_healthy()
    eventually(container.is_healthy, what="health")
