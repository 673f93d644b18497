"""Web services with the real scoring process: deployed, updated, killed, taken up again."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from tests.integration.control_plane.conftest import FAKE_SERVER, ended, prepare, submit
from tests.integration.scoring.packages import build_package, make_rows
from tests.local_server import LocalServer, eventually, processes_of, run_cli

from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.records import DeploySettings, ServiceKeys, WebService
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.integration

ROW = make_rows(1)[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with model "bank": versions 1 and 2 work, version 3 is damaged."""
    package = build_package(tmp_path_factory.mktemp("package") / "model")
    folder = tmp_path_factory.mktemp("services")
    csv_file = folder / "people.csv"
    csv_file.write_text("x,y\n" + "".join(f"{row},{'yes' if row % 3 else 'no'}\n" for row in range(60)))
    server = LocalServer(
        folder / "home", command=FAKE_SERVER, options=(), environment={"FAKE_JOB_PACKAGE": str(package)}
    )
    try:
        workspace = server.start().workspace()
        prepare(workspace, csv_file)
        for _ in range(3):
            workspace.register_model("bank", ended(workspace, submit(workspace, "complete").run_id).run_id)
        damaged = server.home / "models" / "bank" / "3" / "model.onnx"
        damaged.chmod(0o644)
        damaged.write_bytes(b"no model")
        yield server
    finally:
        server.stop()


@pytest.fixture
def workspace(server: LocalServer) -> LocalWorkspace:
    return server.workspace()


@pytest.fixture
def name(server: LocalServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A service name of the test's own; the service is deleted afterwards."""
    made = f"svc-{abs(hash(request.node.name)) % 10**8}"
    yield made
    server.workspace().delete_service(made)


def settings(name: str, version: int = 1, **changes: Any) -> DeploySettings:
    return DeploySettings(service_name=name, model_name="bank", model_version=version, **changes)


def settled(workspace: LocalWorkspace, name: str) -> WebService:
    def look() -> WebService | None:
        service = workspace.get_service(name)
        return service if service.state is not ServiceState.TRANSITIONING else None

    return eventually(look, what="a settled state")


def deploy(workspace: LocalWorkspace, name: str, version: int = 1, **changes: Any) -> WebService:
    workspace.deploy(settings(name, version, **changes))
    service = settled(workspace, name)
    assert service.state is ServiceState.HEALTHY, service.error
    return service


def healthy_again(workspace: LocalWorkspace, name: str) -> None:
    eventually(lambda: workspace.get_service(name).state is ServiceState.HEALTHY, what="a healthy service")


def score(service: WebService, keys: ServiceKeys | None) -> int:
    headers = {"Authorization": f"Bearer {keys.primary}"} if keys else {}
    return requests.post(service.scoring_uri, json={"data": [ROW]}, headers=headers, timeout=10).status_code


def service_pid(server: LocalServer, name: str) -> int:
    return int(json.loads((server.home / "services" / name / "status.json").read_text())["pid"])


def test_a_service_from_deployment_to_deletion(workspace: LocalWorkspace, server: LocalServer, name: str) -> None:
    first = workspace.deploy(settings(name, tags={"stage": "dev"}))
    assert (first.state, first.error) == (ServiceState.TRANSITIONING, "")
    assert workspace.deploy(settings(name)).created_at == first.created_at  # a retry while it is under way
    service = settled(workspace, name)
    assert (service.state, service.model_version, service.tags) == (ServiceState.HEALTHY, 1, {"stage": "dev"})
    keys = workspace.service_keys(name)
    assert score(service, keys) == 200
    assert score(service, None) == 401
    assert stat.S_IMODE((server.home / "services" / name / "keys.json").stat().st_mode) == 0o600
    assert run_cli("keys", name, "--home", str(server.home)).stdout == f"{keys.primary}\n"
    assert name in run_cli("status", "--home", str(server.home)).stdout
    assert "answers on" in workspace.service_logs(name)
    assert "answers on" in run_cli("logs", name, "--tail", "5", "--home", str(server.home)).stdout
    pid = service_pid(server, name)
    workspace.delete_service(name)
    workspace.delete_service(name)
    assert not psutil.pid_exists(pid)
    assert not (server.home / "services" / name).exists()
    with pytest.raises(NotFound):
        workspace.get_service(name)
    assert keys.primary not in (server.home / "server.log").read_text()


def test_insights_are_on_when_the_switch_returns_and_survive_a_deployment(
    workspace: LocalWorkspace, server: LocalServer, name: str
) -> None:
    service = deploy(workspace, name)
    keys = workspace.service_keys(name)
    assert score(service, keys) == 200
    assert workspace.service_requests(name).count == 0
    assert workspace.set_app_insights(name, enabled=True).app_insights_enabled
    assert score(service, keys) == 200
    eventually(lambda: workspace.service_requests(name).count == 1, what="the recorded request")
    said = run_cli("requests", name, "--since-minutes", "5", "--home", str(server.home)).stdout
    assert "Application Insights on" in said
    assert "p99" in said
    assert deploy(workspace, name, 2).app_insights_enabled
    assert not deploy(workspace, name, 2, app_insights_enabled=False).app_insights_enabled
    assert workspace.get_service(name).model_version == 2


def test_a_new_key_replaces_one_and_the_other_goes_on(workspace: LocalWorkspace, name: str) -> None:
    service = deploy(workspace, name)
    old = workspace.service_keys(name)
    new = workspace.regenerate_key(name)
    assert (new.primary != old.primary, new.secondary == old.secondary) == (True, True)
    assert score(service, old) == 401
    assert score(service, new) == 200
    assert score(service, replace(new, primary=new.secondary)) == 200
    assert workspace.service_keys(name) == new


def test_a_service_without_authentication_has_no_keys(workspace: LocalWorkspace, name: str) -> None:
    service = deploy(workspace, name, auth_enabled=False)
    assert score(service, None) == 200
    with pytest.raises(NotFound, match="without authentication"):
        workspace.service_keys(name)


def test_the_same_deployment_again_changes_nothing(workspace: LocalWorkspace, server: LocalServer, name: str) -> None:
    before = deploy(workspace, name)
    asked = (server.home / "services" / name / "service.json").read_bytes()
    again = workspace.deploy(settings(name))
    assert again == before
    assert (server.home / "services" / name / "service.json").read_bytes() == asked


def test_an_update_loses_no_request_and_keeps_address_and_keys(
    workspace: LocalWorkspace, server: LocalServer, name: str
) -> None:
    service = deploy(workspace, name)
    keys, pid = workspace.service_keys(name), service_pid(server, name)
    done, answers = threading.Event(), []

    def ask() -> None:
        while not done.is_set():
            answers.append(score(service, keys))

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    for version in (2, 1, 2):
        updated = deploy(workspace, name, version)
        assert updated.model_version == version
    done.set()
    for client in clients:
        client.join()
    assert set(answers) == {200}
    assert len(answers) > 10
    assert (updated.scoring_uri, service_pid(server, name)) == (service.scoring_uri, pid)
    assert workspace.service_keys(name) == keys


def test_another_deployment_meanwhile_is_a_conflict(workspace: LocalWorkspace, server: LocalServer, name: str) -> None:
    deploy(workspace, name)
    os.kill(service_pid(server, name), signal.SIGSTOP)  # so that the update stays under way
    try:
        assert workspace.deploy(settings(name, 2)).state is ServiceState.TRANSITIONING
        assert workspace.deploy(settings(name, 2)).state is ServiceState.TRANSITIONING
        with pytest.raises(Conflict, match="bank:2"):
            workspace.deploy(settings(name, 1))
    finally:
        os.kill(service_pid(server, name), signal.SIGCONT)
    assert settled(workspace, name).model_version == 2


def test_a_damaged_update_is_refused_and_the_old_model_goes_on(
    workspace: LocalWorkspace, server: LocalServer, name: str
) -> None:
    service = deploy(workspace, name)
    keys = workspace.service_keys(name)
    workspace.deploy(settings(name, 3))
    refused = settled(workspace, name)
    assert (refused.state, refused.model_version) == (ServiceState.UNHEALTHY, 1)
    assert "bank:3 was refused" in refused.error
    assert "bank:1 goes on serving" in refused.error
    assert score(service, keys) == 200
    os.kill(service_pid(server, name), signal.SIGKILL)
    eventually(lambda: answers_again(service, keys), what="the old model after a restart")
    assert deploy(workspace, name, 2).error == ""


def answers_again(service: WebService, keys: ServiceKeys) -> bool:
    try:
        return score(service, keys) == 200
    except requests.ConnectionError:
        return False


def test_a_first_deployment_that_is_damaged_has_failed_and_can_be_replaced(
    workspace: LocalWorkspace, server: LocalServer, name: str
) -> None:
    workspace.deploy(settings(name, 3))
    failed = settled(workspace, name)
    assert failed.state is ServiceState.FAILED
    assert failed.error
    assert not processes_of(server.home / "services" / name)
    assert deploy(workspace, name, 1).model_version == 1


def test_a_killed_service_comes_back_at_its_address(workspace: LocalWorkspace, server: LocalServer, name: str) -> None:
    service = deploy(workspace, name)
    keys, pid = workspace.service_keys(name), service_pid(server, name)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: answers_again(service, keys), what="an answer after the kill")
    healthy_again(workspace, name)
    assert service_pid(server, name) != pid


def test_a_service_outlives_a_killed_server_and_is_taken_up_again(server: LocalServer, name: str) -> None:
    service = deploy(server.workspace(), name)
    keys, pid = server.workspace().service_keys(name), service_pid(server, name)
    server.kill()
    assert score(service, keys) == 200
    again = server.start().workspace()
    assert again.get_service(name).state is ServiceState.HEALTHY
    assert service_pid(server, name) == pid
    assert again.set_app_insights(name, enabled=True).app_insights_enabled
    assert deploy(again, name, 2).model_version == 2
    assert score(service, keys) == 200
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: answers_again(service, keys), what="an answer after the kill")


def test_a_service_that_died_with_the_server_is_started_by_the_next(server: LocalServer, name: str) -> None:
    service = deploy(server.workspace(), name)
    keys = server.workspace().service_keys(name)
    server.kill()
    os.kill(service_pid(server, name), signal.SIGKILL)
    again = server.start().workspace()
    assert settled(again, name).state is ServiceState.HEALTHY
    assert score(service, keys) == 200
    assert run_cli("stop", "--home", str(server.home)).returncode == 0
    server.kill()
    assert not answers_again(service, keys)
    assert settled(server.start().workspace(), name).scoring_uri == service.scoring_uri
    assert score(service, keys) == 200


def test_a_port_taken_while_nothing_ran_is_told_and_a_new_deployment_moves(server: LocalServer, name: str) -> None:
    service = deploy(server.workspace(), name)
    port = int(service.scoring_uri.rsplit(":", 1)[1].split("/")[0])
    run_cli("stop", "--home", str(server.home))
    server.kill()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        workspace = server.start().workspace()
        failed = settled(workspace, name)
        assert failed.state is ServiceState.FAILED
        assert str(port) in failed.error
        moved = deploy(workspace, name)
        assert moved.scoring_uri != service.scoring_uri
        assert score(moved, workspace.service_keys(name)) == 200


def test_deployments_that_cannot_be(workspace: LocalWorkspace, name: str) -> None:
    with pytest.raises(NotFound, match="version 9"):
        workspace.deploy(settings(name, 9))
    with pytest.raises(NotFound, match="'shop'"):
        workspace.deploy(replace(settings(name), model_name="shop"))
    with pytest.raises(InvalidRequest, match="Bad"):
        workspace.deploy(settings("Bad"))
    assert name not in {service.name for service in workspace.list_services()}


def test_no_free_port_is_said(server: LocalServer, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run_cli("stop", "--home", str(server.home))
        server.kill()
        narrow = LocalServer(server.home, options=("--port", "0", "--service-ports", f"{port}-{port}"))
        try:
            with pytest.raises(Conflict, match=f"{port}-{port}.*--service-ports"):
                narrow.start().workspace().deploy(settings("no-port"))
            assert not (server.home / "services" / "no-port").exists()
        finally:
            narrow.terminate()
            server.start()


@pytest.mark.parametrize("said_its_pid", [True, False])
def test_a_service_whose_deletion_was_cut_off_ends(server: LocalServer, name: str, said_its_pid: bool) -> None:
    """The server was killed after it forgot the service and before it ended the process."""
    deploy(server.workspace(), name)
    folder = server.home / "services" / name
    assert processes_of(folder)
    server.kill()
    with closing(sqlite3.connect(server.home / "metadata.db")) as connection, connection:
        connection.execute("DELETE FROM services")
    if not said_its_pid:
        (folder / "status.json").unlink()
    server.start()
    assert not folder.exists()
    assert not processes_of(folder)
