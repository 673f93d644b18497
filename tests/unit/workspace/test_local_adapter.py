from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.unit.workspace.conftest import Script, answer

from azureml_workspace import errors
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import AutoMLSettings, DatasetSource, DeploySettings
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

Open = Callable[..., Workspace]

RUN = {
    "run_id": "r1",
    "experiment_name": "exp",
    "run_type": "automl",
    "status": "Running",
    "created_at": "2026-11-21T00:00:00Z",
    "portal_url": "http://portal/r1",
}


def envelope(code: str, message: str = "what happened") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "InvalidRequest"),
        (401, "Unauthorized"),
        (404, "NotFound"),
        (409, "Conflict"),
        (409, "RunFailed"),
        (429, "Throttled"),
        (503, "ServiceUnavailable"),
        (507, "StorageFull"),
    ],
)
def test_envelope_code_names_the_error(script: Script, open_with: Open, status: int, code: str) -> None:
    script.answers = [answer(status, envelope(code))]
    with pytest.raises(errors.WorkspaceError, match="what happened") as caught:
        open_with().get_run("r1")
    assert type(caught.value).__name__ == code


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthorized),
        (403, errors.Unauthorized),
        (404, errors.NotFound),
        (429, errors.Throttled),
        (500, errors.ServiceUnavailable),
        (302, errors.InvalidRequest),
        (507, errors.StorageFull),
    ],
)
def test_without_envelope_the_status_decides(
    script: Script, open_with: Open, status: int, kind: type[errors.WorkspaceError]
) -> None:
    script.answers = [answer(status, text="<html>proxy</html>")]
    with pytest.raises(kind, match=str(status)) as caught:
        open_with().get_run("r1")
    assert type(caught.value) is kind


def test_a_refusal_or_a_server_error_is_never_taken_for_absence(script: Script, open_with: Open) -> None:
    for status in (403, 500):
        script.answers = [answer(status, text="no")]
        with pytest.raises(errors.WorkspaceError):
            open_with().delete_service("svc-a")
    script.answers = [answer(404, envelope("NotFound"))]
    open_with().delete_service("svc-a")


def test_throttled_carries_the_wait(script: Script, open_with: Open) -> None:
    script.answers = [answer(429, envelope("Throttled"), headers={"Retry-After": "7"})]
    with pytest.raises(errors.Throttled) as caught:
        open_with().get_run("r1")
    assert caught.value.retry_after == 7.0


def test_permanent_throttling_ends_at_once(script: Script, open_with: Open, clock: list[float]) -> None:
    script.answers = [answer(429, envelope("Throttled"))]
    with pytest.raises(errors.Throttled):
        open_with().get_run("r1")
    assert len(script.calls) == 1


def test_lost_connections_are_repeated_then_given_up(script: Script, open_with: Open, clock: list[float]) -> None:
    script.answers = [requests.ConnectionError("refused")]
    with pytest.raises(errors.ServiceUnavailable, match="python -m azureml_local serve"):
        open_with(retry_seconds=10).ping()
    assert 8 <= clock[0] <= 10
    assert len(script.calls) > 5


def test_a_server_that_comes_back_is_not_noticed(script: Script, open_with: Open, clock: list[float]) -> None:
    script.answers = [requests.ConnectionError("reset"), requests.ConnectionError("reset"), answer(200, RUN)]
    assert open_with().get_run("r1").status is RunStatus.RUNNING


def test_a_read_timeout_is_not_repeated(script: Script, open_with: Open, clock: list[float]) -> None:
    script.answers = [requests.ReadTimeout()]
    with pytest.raises(errors.ServiceUnavailable, match="within 60 s"):
        open_with().get_run("r1")
    assert len(script.calls) == 1


def test_an_unknown_status_is_unknown_and_not_an_error(script: Script, open_with: Open) -> None:
    script.answers = [answer(200, RUN | {"status": "Paused", "something_new": 1})]
    run = open_with().get_run("r1")
    assert run.status is RunStatus.UNKNOWN
    assert not run.status.is_terminal


def test_a_record_of_another_version_is_nobodys_invalid_request(script: Script, open_with: Open) -> None:
    script.answers = [answer(200, {"run_id": "r1"})]
    with pytest.raises(errors.WorkspaceError, match="not understood") as caught:
        open_with().get_run("r1")
    assert not isinstance(caught.value, errors.InvalidRequest)


def test_html_on_that_port(script: Script, open_with: Open) -> None:
    script.answers = [answer(200, text="<html>hello</html>")]
    with pytest.raises(errors.ServiceUnavailable, match="another program"):
        open_with().get_run("r1")


def test_the_token_file_is_read_again_once_when_refused(script: Script, open_with: Open, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old-token\n")
    workspace = open_with(token=None, token_file=str(file))
    script.answers = [answer(200, RUN)]
    workspace.get_run("r1")
    file.write_text("new-token\n")
    script.answers = [answer(401, envelope("Unauthorized")), answer(200, RUN)]
    workspace.get_run("r1")
    sent = [call[2]["headers"]["Authorization"] for call in script.calls]
    assert sent == ["Bearer old-token", "Bearer old-token", "Bearer new-token"]


def test_the_same_token_refused_twice_is_asked_once(script: Script, open_with: Open, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("same-token")
    script.answers = [answer(401, envelope("Unauthorized"))]
    with pytest.raises(errors.Unauthorized):
        open_with(token=None, token_file=str(file)).get_run("r1")
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [(None, errors.ServiceUnavailable, "first start"), ("", errors.Unauthorized, "empty")],
)
def test_token_file_missing_or_empty(
    open_with: Open, tmp_path: Path, content: str | None, kind: type[Exception], words: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(kind, match=words):
        open_with(token=None, token_file=str(file)).ping()


def test_no_token_at_all(open_with: Open) -> None:
    with pytest.raises(errors.Unauthorized, match="token_file"):
        open_with(token=None).ping()


def test_the_token_is_in_no_repr_and_no_error(script: Script, open_with: Open, clock: list[float]) -> None:
    workspace = open_with(token="sesame-token")
    script.answers = [requests.ConnectionError("refused")]
    with pytest.raises(errors.ServiceUnavailable) as caught:
        workspace.ping()
    shown = repr(workspace) + repr(vars(workspace)) + str(caught.value) + repr(caught.value.__cause__)
    assert "sesame" not in shown


def test_upload_streams_the_file_and_opens_it_again_for_a_repeat(
    script: Script, open_with: Open, clock: list[float], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"a,b\n1,2\n")
    script.answers = [requests.ConnectionError("reset"), answer(400, envelope("InvalidRequest"))]
    with pytest.raises(errors.InvalidRequest):
        open_with().register_dataset("d", DatasetSource(path=str(file), separator=";"), tags={"drop": "1"})
    assert script.bodies == [b"a,b\n1,2\n"] * 2
    assert script.calls[0][2]["params"] == {"separator": ";", "encoding": "utf-8", "tags": '{"drop": "1"}'}


@pytest.mark.parametrize(("make", "words"), [("missing", "does not exist"), ("empty", "is empty"), ("folder", "not a")])
def test_bad_files_never_reach_the_server(
    script: Script, open_with: Open, tmp_path: Path, make: str, words: str
) -> None:
    path = tmp_path / "data"
    if make == "empty":
        path.touch()
    elif make == "folder":
        path.mkdir()
    with pytest.raises(errors.InvalidRequest, match=words):
        open_with().register_dataset("d", DatasetSource(path=str(path)))
    assert script.calls == []


def test_bad_settings_never_reach_the_server(script: Script, open_with: Open) -> None:
    settings = AutoMLSettings(experiment_name="exp", dataset_name="d", dataset_version=1, label_column_name=" ")
    with pytest.raises(errors.InvalidRequest, match="label_column_name"):
        open_with().submit_automl(settings, submission_key="k")
    with pytest.raises(errors.InvalidRequest, match="lowercase"):
        open_with().deploy(DeploySettings(service_name="My_Service", model_name="m", model_version=1))
    assert script.calls == []


def test_a_file_of_a_run_cannot_be_another_route(script: Script, open_with: Open) -> None:
    for path in ("../../services", "outputs/../../x", "", "outputs//model.onnx"):
        with pytest.raises(errors.NotFound):
            open_with().read_run_file("r1", path)
        with pytest.raises(errors.NotFound):
            open_with().run_log("r1", path)
    assert script.calls == []
    script.answers = [answer(200, text="content")]
    assert open_with().read_run_file("r1", "outputs/a b#.json") == b"content"
    assert script.calls[0][1].endswith("/v1/runs/r1/files/outputs/a%20b%23.json")


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_names_that_cannot_be_in_a_route(script: Script, open_with: Open, name: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="name of a dataset"):
        open_with().get_dataset(name)


def test_environment_proxies_and_netrc_are_ignored(open_with: Open) -> None:
    assert open_with()._server._session.trust_env is False  # type: ignore[attr-defined]
