"""Starting, stopping, being killed and being orphaned."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.scoring.conftest import StartService
from tests.integration.scoring.packages import make_rows
from tests.integration.scoring.services import PRIMARY, ServiceProcess, wait_for

from azureml_local.processes import ProcessIdentity
from azureml_local.scoring.config import CONFIG_FILE, KEYS_FILE, LOG_FILE, STATUS_FILE, read_status

pytestmark = pytest.mark.integration

GOOD = {"data": make_rows(2)}


def failed_start(service: ServiceProcess) -> str:
    """Start a process that cannot; gives the reason it wrote."""
    assert service.launch().wait_exit() == 1
    status = read_status(service.folder)
    assert status is not None
    assert (status.state, status.pid, status.model_version) == ("Failed", service.pid, None)
    assert status.error in service.log_text
    return status.error


def change_json(path: Path, **changes: Any) -> None:
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes()) | changes))


@pytest.fixture
def own_package(package: Path, tmp_path: Path) -> Path:
    """A package that the test may damage."""
    return shutil.copytree(package, tmp_path / "own-package")


def test_status_names_the_process(start_service: StartService) -> None:
    service = start_service()
    status = read_status(service.folder)
    identity = ProcessIdentity.of(service.pid)
    assert status is not None
    assert identity is not None
    assert identity.is_same(ProcessIdentity(pid=status.pid, pid_started=status.pid_started))
    assert (status.generation, status.state, status.error, status.model_version) == (1, "Healthy", "", 1)


def test_a_process_needs_at_most_130_megabytes(start_service: StartService) -> None:
    service = start_service()
    for _ in range(50):
        service.score(GOOD)
    assert service.resident_bytes < 130 * 1024 * 1024


def test_no_model(prepare_service: StartService, tmp_path: Path) -> None:
    assert "no signature.json" in failed_start(prepare_service(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["signature.json", "encoder.json", "model.onnx"])
def test_a_model_file_is_missing_or_damaged(prepare_service: StartService, own_package: Path, name: str) -> None:
    (own_package / name).unlink()
    assert name in failed_start(prepare_service(own_package))
    (own_package / name).write_bytes(b"{}")
    assert name in failed_start(prepare_service(own_package))


def test_files_that_do_not_belong_together(prepare_service: StartService, own_package: Path) -> None:
    signature = msgspec.json.decode((own_package / "signature.json").read_bytes())
    turned = ["yes" if label == "no" else "no" for label in signature["sample_labels"]]
    change_json(own_package / "signature.json", sample_labels=turned)
    assert "do not belong together" in failed_start(prepare_service(own_package))


def test_more_classes_than_the_graph_has(prepare_service: StartService, own_package: Path) -> None:
    change_json(own_package / "signature.json", classes=["no", "yes", "maybe"])
    assert "signature.json names 3 classes" in failed_start(prepare_service(own_package))


def test_more_features_than_the_graph_takes(prepare_service: StartService, own_package: Path) -> None:
    encoder = msgspec.json.decode((own_package / "encoder.json").read_bytes())
    change_json(own_package / "encoder.json", features=encoder["features"][:-1])
    assert "encoder.json makes 8 columns" in failed_start(prepare_service(own_package))


@pytest.mark.parametrize("name", [CONFIG_FILE, KEYS_FILE])
def test_no_desired_state(prepare_service: StartService, name: str) -> None:
    service = prepare_service()
    (service.folder / name).unlink()
    assert name in failed_start(service)


def test_the_port_is_taken(prepare_service: StartService) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in failed_start(prepare_service(port=port))


def test_sigterm_finishes_running_requests_and_flushes_the_telemetry(start_service: StartService) -> None:
    service = start_service(app_insights_enabled=True)
    body = json.dumps({"data": make_rows(10_000)}).encode()
    with service.socket() as client, service.socket() as _idle:
        client.sendall(
            b"POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
            % (PRIMARY.encode(), len(body))
        )
        client.sendall(body[:-1])
        wait_for(lambda: service.score(GOOD).status == 200 or None)
        assert service.process is not None
        service.process.terminate()
        client.sendall(body[-1:])
        received = b""
        while piece := client.recv(65_536):
            received += piece
    assert received.startswith(b"HTTP/1.1 200 ")
    assert service.wait_exit() == 0
    assert service.summary().rows == 10_002
    assert "Traceback" not in service.log_text


def test_sigterm_does_not_wait_for_a_half_sent_request(start_service: StartService) -> None:
    service = start_service(body_timeout=3600)
    with service.socket() as client:
        client.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        wait_for(lambda: service.score(GOOD).status == 200 or None)
        assert service.stop() == 0


def test_sigterm_during_the_start(prepare_service: StartService) -> None:
    service = prepare_service().launch()
    assert service.stop() in (0, -15)  # -15: before Python ran any line of ours
    assert not list(service.folder.glob(".tmp-*"))


def test_kill_9_leaves_telemetry_and_answers_as_they_were(start_service: StartService) -> None:
    service = start_service(app_insights_enabled=True)
    before = service.score({"data": GOOD["data"], "method": "predict_proba"}).result
    for _ in range(20):
        service.score(GOOD)
    wait_for(lambda: service.summary().count == 21 or None)
    service.kill()
    assert service.summary().count == 21
    service.start()
    assert service.score({"data": GOOD["data"], "method": "predict_proba"}).result == before
    wait_for(lambda: service.summary().count == 22 or None)


def test_an_earlier_status_is_removed_at_the_start(start_service: StartService, tmp_path: Path) -> None:
    service = start_service()
    service.kill()
    change_json(service.folder / CONFIG_FILE, model_dir=str(tmp_path / "nowhere"))
    assert "no signature.json" in failed_start(service)


def test_it_outlives_the_process_that_started_it(prepare_service: StartService) -> None:
    service = prepare_service()
    starter = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-m', 'azureml_local.scoring', sys.argv[1]], start_new_session=True,\n"
        "                 stdout=open(sys.argv[2], 'ab'), stderr=subprocess.STDOUT)\n"
    )
    subprocess.run(
        [sys.executable, "-c", starter, str(service.folder), str(service.folder / LOG_FILE)], check=True, timeout=20
    )
    status = service.wait_status(lambda status: status.state == "Healthy")
    try:
        assert service.score(GOOD).status == 200
    finally:
        os.kill(status.pid, 15)
        identity = ProcessIdentity(pid=status.pid, pid_started=status.pid_started)
        wait_for(lambda: not identity.is_alive() or None)


def test_nothing_half_written_stays(start_service: StartService) -> None:
    service = start_service()
    service.update(response_format="object")
    service.stop()
    assert {path.name for path in service.folder.iterdir()} == {CONFIG_FILE, KEYS_FILE, STATUS_FILE, LOG_FILE}
