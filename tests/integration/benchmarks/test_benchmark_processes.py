import os
import sys
from pathlib import Path

import psutil
import pytest
from benchmarks.common.pinned import ServerFailed, on_cores, pinned_server, split_cores
from benchmarks.dag_parse.suite import seconds
from benchmarks.service.contestants import LOOPBACK, free_port

pytestmark = pytest.mark.integration

SERVER = """
import http.server, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time\\nwhile True: time.sleep(60)"])
end = time.process_time() + 0.3
while time.process_time() < end: pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def _has_argument(process: psutil.Process, argument: str) -> bool:
    """False for a zombie too, which an earlier test may have left to be reaped."""
    try:
        return argument in process.cmdline()
    except psutil.ZombieProcess:
        return False


def test_a_pinned_server_is_measured_and_ended_with_its_children(tmp_path: Path) -> None:
    port, (cores, _) = free_port(), split_cores()
    with pinned_server([sys.executable, "-c", SERVER, str(port)], cores=cores, folder=tmp_path) as server:
        server.wait_until_healthy(f"http://{LOOPBACK}:{port}/")
        (root,) = (child for child in psutil.Process().children() if _has_argument(child, str(port)))
        processes = [root, *root.children(recursive=True)]
        assert len(processes) == 2
        assert all(process.cpu_affinity() == cores for process in processes)
        assert server.cpu_seconds() >= 0.25
        assert 5 < server.rss_mb() < 500
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    assert "GET / " in (tmp_path / "server.log").read_text()


def test_a_server_that_ends_shows_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no model here')"]
    with (
        pinned_server(command, cores=split_cores()[0], folder=tmp_path) as server,
        pytest.raises(ServerFailed, match="no model here"),
    ):
        server.wait_until_healthy(f"http://{LOOPBACK}:{free_port()}/")


def test_a_block_runs_on_its_cores_and_no_longer() -> None:
    before = os.sched_getaffinity(0)
    with on_cores([min(before)]):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def test_a_dag_file_is_timed_in_a_process_of_its_own(tmp_path: Path) -> None:
    dag = tmp_path / "dag.py"
    dag.write_text("import pathlib\npathlib.Path('ran').touch()\nprint('hello')\n")
    assert 0 < seconds(str(tmp_path), dag) < 60
    assert (tmp_path / "ran").exists()
