from __future__ import annotations

import socket
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from azureml_local.files import (
    read_json,
    remove_tree,
    sweep_temporaries,
    tail_lines,
    write_bytes,
    write_json,
)
from azureml_local.services.ports import PortRange, http_url, require_host_name
from azureml_local.services.records import web_service
from azureml_local.store.services import Deployment, StoredService
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import Conflict, InvalidRequest, StorageFull
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, object())
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]


def test_a_secret_file_is_never_readable_by_others(tmp_path: Path) -> None:
    write_bytes(tmp_path / "keys", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_what_is_missing_or_no_json_reads_as_nothing(tmp_path: Path) -> None:
    assert read_json(tmp_path / "missing") is None
    (tmp_path / "torn").write_text('{"a": ')
    assert read_json(tmp_path / "torn") is None


def test_tail(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail_lines(log, 3) == []
    log.write_bytes(b"1\n2\n\xff3\n")
    assert tail_lines(log, 2) == ["2", "\ufffd3"]
    assert tail_lines(log, 0) == []


def test_sweeping_takes_what_is_half_made_alone(tmp_path: Path) -> None:
    (tmp_path / ".tmp-folder" / "deep").mkdir(parents=True)
    (tmp_path / ".tmp-file").touch()
    (tmp_path / "kept").mkdir()
    assert sweep_temporaries(tmp_path) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]
    remove_tree(tmp_path / "kept")
    remove_tree(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


def test_only_a_lack_of_room_is_storage_full() -> None:
    with pytest.raises(StorageFull, match="the thing"), no_room_as_storage_full("the thing"):
        Path("/dev/full").write_bytes(b"x")
    with pytest.raises(FileNotFoundError), no_room_as_storage_full("the thing"):
        Path("/nowhere/at/all").read_bytes()


@pytest.mark.parametrize("text", ["", "a-b", "9-8", "0-5", "70000", "-1"])
def test_port_ranges_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidRequest, match="8800-8899"):
        PortRange.parse(text)


def test_ports_are_given_once_and_only_when_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match="--service-ports"):
            PortRange(port, port).pick("127.0.0.1", set())
    assert PortRange(port, port).pick("127.0.0.1", set()) == port
    with pytest.raises(Conflict):
        PortRange(port, port).pick("127.0.0.1", {port})
    assert PortRange.parse("0").pick("127.0.0.1", set()) > 0


def test_urls_that_clients_can_use() -> None:
    assert http_url("127.0.0.1", 1) == "http://127.0.0.1:1"
    assert http_url("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert http_url("::1", 1) == "http://[::1]:1"


@pytest.mark.parametrize("host", ["azureml", "ml.example.com", "10.0.0.5", "fd00::5"])
def test_hosts_that_can_be_advertised(host: str) -> None:
    require_host_name(host)
    assert host in http_url(host, 1)


def test_a_service_is_reached_under_the_advertised_host() -> None:
    settings = Deployment(service_name="bank", model_name="bank", model_version=1)
    now = datetime.now(UTC)
    service = StoredService(
        name="bank",
        host="0.0.0.0",
        port=8800,
        generation=1,
        state=ServiceState.HEALTHY,
        wanted=settings,
        created_at=now,
        updated_at=now,
        app_insights_enabled=False,
        tags={},
    )
    assert web_service(service).scoring_uri == "http://127.0.0.1:8800/score"
    seen = web_service(service, "azureml")
    assert (seen.scoring_uri, seen.swagger_uri) == ("http://azureml:8800/score", "http://azureml:8800/swagger.json")
