"""The desired state is followed without a restart, and without losing a request."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.scoring.conftest import StartService
from tests.integration.scoring.packages import make_rows, python_labels
from tests.integration.scoring.services import PRIMARY, SECONDARY, ServiceProcess, exchange, wait_for

from azureml_local.scoring.config import CONFIG_FILE, KEYS_FILE, read_config, write_config, write_keys
from azureml_workspace.records import ServiceKeys

pytestmark = pytest.mark.integration

ROWS = make_rows(2, seed=5)
GOOD = {"data": ROWS}


class Load:
    """Clients that score without a pause, and count what they get: an answer, or the name of an error."""

    def __init__(self, service: ServiceProcess) -> None:
        self._service = service
        self._stop = threading.Event()
        self.counts: Counter[str] = Counter()

    def work(self) -> None:
        body = json.dumps(GOOD).encode()
        connection = self._service.connect()
        while not self._stop.is_set():
            try:
                reply = exchange(connection, "POST", "/score", body, {"Authorization": f"Bearer {PRIMARY}"})
                self.counts[",".join(reply.result) if reply.status == 200 else str(reply.status)] += 1
            except OSError as error:
                self.counts[type(error).__name__] += 1
                connection.close()
        connection.close()

    def wait_more(self, requests: int) -> None:
        wanted = self.counts.total() + requests
        wait_for(lambda: self.counts.total() >= wanted or None)

    @contextmanager
    def running(self, clients: int) -> Iterator[Load]:
        threads = [threading.Thread(target=self.work) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def test_a_model_is_swapped_under_load_without_losing_a_request(
    start_service: StartService, package: Path, other_package: Path
) -> None:
    service = start_service()
    old = ",".join(("no", "yes")[place] for place in python_labels(package, ROWS))
    new = ",".join(("stays", "leaves")[place] for place in python_labels(other_package, ROWS))
    pid = service.pid
    with Load(service).running(clients=4) as load:
        for version, folder in [(2, other_package), (3, package), (4, other_package)]:
            load.wait_more(50)
            status = service.update(model_dir=str(folder), model_version=version)
            assert (status.state, status.error, status.model_version, status.pid) == ("Healthy", "", version, pid)
            load.wait_more(50)
    assert set(load.counts) == {old, new}
    assert "/score" in service.log_text
    assert service.request("GET", "/swagger.json").json["info"]["version"] == "4"


def test_a_model_that_cannot_be_loaded_is_refused_and_the_old_one_goes_on(
    start_service: StartService, other_package: Path, tmp_path: Path
) -> None:
    service = start_service()
    before = service.score(GOOD).result
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("signature.json", "encoder.json"):
        (broken / name).write_bytes((other_package / name).read_bytes())
    (broken / "model.onnx").write_bytes(b"not a graph")
    status = service.update(model_dir=str(broken), model_version=2)
    assert (status.state, status.model_version) == ("Healthy", 1)
    assert "Version 2 cannot be served, version 1 goes on" in status.error
    assert "model.onnx cannot be loaded" in status.error
    assert service.score(GOOD).result == before
    status = service.update(model_dir=str(other_package), model_version=2)
    assert (status.error, status.model_version) == ("", 2)


def test_after_an_unforeseen_error_the_next_change_is_still_followed(
    start_service: StartService, other_package: Path, tmp_path: Path
) -> None:
    service = start_service()
    odd = tmp_path / "odd"
    (odd / "signature.json").mkdir(parents=True)
    assert "IsADirectoryError" in service.update(model_dir=str(odd), model_version=2).error
    status = service.update(model_dir=str(other_package), model_version=3)
    assert (status.error, status.model_version) == ("", 3)


def test_a_refused_deployment_is_refused_as_a_whole(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(app_insights_enabled=True)
    nowhere = str(tmp_path / "nowhere")
    write_keys(service.folder, ServiceKeys(primary="a-new-key", secondary=SECONDARY))
    status = service.update(
        model_dir=nowhere, model_version=2, response_format="object", auth_enabled=False, app_insights_enabled=False
    )
    assert "no signature.json" in status.error
    assert service.score(GOOD, key=None).status == 401
    assert service.score(GOOD, key="a-new-key").result  # in the old format
    assert "Application Insights off" in service.log_text


def test_what_changes_while_the_process_starts_is_followed(prepare_service: StartService, other_package: Path) -> None:
    """The files change after they were read and before anybody follows them: while the model file is awaited."""
    service = prepare_service()
    config = read_config(service.folder)
    slow = SlowPackage(Path(config.model_dir), service.folder.parent / "slow")
    write_config(service.folder, replace(config, model_dir=str(slow.folder)))
    service.launch()
    with slow.being_read():
        write_keys(service.folder, ServiceKeys(primary="a-new-key", secondary=SECONDARY))
        write_config(service.folder, replace(config, generation=2, model_dir=str(other_package), model_version=2))
    status = service.wait_status(lambda status: status.generation == 2)
    assert (status.error, status.model_version) == ("", 2)
    assert service.score(GOOD, key=PRIMARY).status == 401
    assert service.score(GOOD, key="a-new-key").result[0] in {"stays", "leaves"}


def test_keys_and_insights_do_not_wait_for_a_model(start_service: StartService, other_package: Path) -> None:
    service = start_service()
    config = read_config(service.folder)
    slow = SlowPackage(other_package, service.folder.parent / "slow")
    changed = replace(config, generation=2, model_dir=str(slow.folder), model_version=2, response_format="object")
    write_config(service.folder, changed)
    with slow.being_read():
        write_keys(service.folder, ServiceKeys(primary="a-new-key", secondary=SECONDARY))
        write_config(service.folder, replace(changed, generation=3, app_insights_enabled=True))
        status = service.wait_status(lambda status: status.switched_generation == 3)
        assert (status.generation, status.model_version) == (1, 1)
        assert service.score(GOOD, key=PRIMARY).status == 401
        assert service.score(GOOD, key="a-new-key").result[0] in {"no", "yes"}  # the old model in the old format
        assert "Application Insights on" in service.log_text
    service.wait_status(lambda status: status.generation == 3)
    assert service.score(GOOD, key="a-new-key").json["result"][0] in {"stays", "leaves"}


class SlowPackage:
    """A copy of a package whose signature is a pipe: who loads it waits until the test has written it."""

    def __init__(self, package: Path, folder: Path) -> None:
        self.folder = shutil.copytree(package, folder)
        self._pipe = folder / "signature.json"
        self._signature = self._pipe.read_bytes()
        self._pipe.unlink()
        os.mkfifo(self._pipe)

    @contextmanager
    def being_read(self) -> Iterator[None]:
        """From when somebody waits for the signature until they get it."""
        writer = wait_for(self._open)
        try:
            yield
            os.set_blocking(writer, True)
            os.write(writer, self._signature)
        finally:
            os.close(writer)

    def _open(self) -> int | None:
        try:
            return os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            return None


def test_insights_are_switched_live(start_service: StartService) -> None:
    service = start_service()
    service.score(GOOD)
    assert service.update(app_insights_enabled=True).error == ""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    service.score(
        {"data": [ROWS[0] | {"job": "astronaut"}, ROWS[1] | {"job": "diver"}]}, headers={"traceparent": trace}
    )
    service.score({"data": []}, headers={"x-ms-request-id": "mine"})
    service.score(GOOD, key="wrong")
    service.request("GET", "/")
    service.request("GET", "/score")
    service.update(app_insights_enabled=False)
    service.score(GOOD)
    assert service.stop() == 0
    summary = service.summary()
    assert (summary.count, summary.failed, summary.rows, summary.unseen_categories) == (3, 2, 2, 2)
    assert summary.by_status == {"200": 1, "400": 1, "401": 1}
    log = service.log_text
    assert log.count("Application Insights on") == log.count("Application Insights off") == 1


def test_insights_keep_what_a_page_needs(start_service: StartService) -> None:
    from azureml_local.insights.schema import RequestRecord, open_for_reading
    from azureml_local.scoring.config import INSIGHTS_FILE

    service = start_service(app_insights_enabled=True)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    service.score({"data": [ROWS[0] | {"job": "astronaut"}]}, headers={"traceparent": trace})
    service.score({"data": [ROWS[0] | {"age": "x"}]}, headers={"x-ms-request-id": "mine"})
    service.score(
        GOOD, headers={"traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "x-ms-request-id": "no-trace"}
    )
    service.stop()
    with closing(open_for_reading(service.folder / INSIGHTS_FILE)) as connection:
        rows = connection.execute("SELECT * FROM requests ORDER BY rowid").fetchall()
    first, second, third = (RequestRecord(*row) for row in rows)
    assert (first.status, first.rows, first.unseen_categories, first.model_version) == (200, 1, 1, 1)
    assert (first.operation_id, first.error) == ("4bf92f3577b34da6a3ce929d0e0e4736", "")
    assert (second.status, second.rows, second.operation_id) == (400, 0, "mine")
    assert second.error.startswith("row 1, column 'age'")
    assert third.operation_id == "no-trace"
    assert first.duration_ms > 0
    assert first.at <= second.at <= third.at


def test_keys_are_regenerated_live(start_service: StartService) -> None:
    service = start_service()
    write_keys(service.folder, ServiceKeys(primary="a-new-key", secondary=SECONDARY))
    wait_for(lambda: service.score(GOOD, key=PRIMARY).status == 401 or None)
    assert service.score(GOOD, key="a-new-key").status == 200
    assert service.score(GOOD, key=SECONDARY).status == 200


def test_keys_that_cannot_be_read_are_refused(start_service: StartService) -> None:
    service = start_service()
    (service.folder / KEYS_FILE).write_text('{"primary": "", "secondary": ""}')
    status = service.wait_status(lambda status: bool(status.error))
    assert "empty key" in status.error
    assert service.score(GOOD).status == 200
    assert service.score(GOOD, key="").status == 401


def test_authentication_is_switched_live(start_service: StartService) -> None:
    service = start_service(auth_enabled=False)
    service.update(auth_enabled=True)
    assert service.score(GOOD, key=None).status == 401
    service.update(auth_enabled=False)
    assert service.score(GOOD, key=None).status == 200


def test_another_port_needs_another_process(start_service: StartService) -> None:
    service = start_service()
    status = service.update(port=service.port + 1)
    assert f"listens on 127.0.0.1:{service.port}" in status.error
    assert service.score(GOOD).status == 200


def test_a_desired_state_that_is_none_is_refused(start_service: StartService) -> None:
    service = start_service()
    (service.folder / CONFIG_FILE).write_text("{}")
    status = service.wait_status(lambda status: bool(status.error))
    assert "generation" in status.error
    assert service.score(GOOD).status == 200
