"""Run history's documents, as far as anybody knows Azure's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from azureml_workspace.azure_v1.history import RunHistory
from azureml_workspace.azure_v1.runs import RunCalls
from azureml_workspace.errors import Conflict, NotFound, ServiceUnavailable
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

FOUND: dict[str, Any] = {
    "runId": "AutoML_1",
    "experimentId": "e1",
    "status": "Running",
    "createdUtc": "2026-05-01T10:00:00.1234567+00:00",
    "startTimeUtc": "2026-05-01T10:01:00Z",
    "endTimeUtc": None,
    "runType": "automl",
    "properties": {"primary_metric": "accuracy", "AMLSettingsJsonString": "{}", "empty": None},
    "tags": None,
    "error": None,
}


class Azure:
    """Answers by path, and counts what it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def json(self, method: str, service: str, path: str, **_: Any) -> Any:
        self.asked.append(f"{method} {service}{path}")
        if path not in self.answers:
            raise NotFound(path)
        return self.answers[path]

    def portal_url(self, path: str) -> str:
        return f"https://portal{path}"


def history(**changes: Any) -> RunHistory:
    return RunHistory(Azure({"/runs/AutoML_1": {**FOUND, **changes}}))  # type: ignore[arg-type]


def test_a_run() -> None:
    run = history().get("AutoML_1")
    assert run.created == datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert (run.started, run.ended) == (datetime(2026, 5, 1, 10, 1, tzinfo=UTC), None)
    assert run.properties == {"primary_metric": "accuracy", "AMLSettingsJsonString": "{}"}
    assert (run.tags, run.error, run.parent_run_id) == ({}, "", None)


def test_moments_without_a_zone_are_utc() -> None:
    run = history(createdUtc="2026-05-01T10:00:00.12345678", startTimeUtc="2026-05-01T10:01:00").get("AutoML_1")
    assert run.created == datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert run.started == datetime(2026, 5, 1, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Starting", RunStatus.PREPARING),
        ("Provisioning", RunStatus.PREPARING),
        ("NotResponding", RunStatus.UNKNOWN),
        ("Completed", RunStatus.COMPLETED),
    ],
)
def test_statuses_that_azure_has_besides(status: str, expected: RunStatus) -> None:
    assert history(status=status).get("AutoML_1").status is expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"error": {"code": "UserError", "message": " no rows. "}}, "no rows."),
        ({"error": {"code": "ServiceError", "message": None}}, "ServiceError"),
        ({"error": None}, ""),
        ({}, ""),
    ],
)
def test_why_a_run_failed(error: dict[str, Any], words: str) -> None:
    assert history(error=error).get("AutoML_1").error == words


@pytest.mark.parametrize("broken", [{"experimentId": None, "createdUtc": "yesterday"}, {"createdUtc": None}])
def test_a_document_of_another_form_is_no_run(broken: dict[str, Any]) -> None:
    with pytest.raises(ServiceUnavailable):
        history(**broken).get("AutoML_1")


def test_the_name_of_an_experiment_is_asked_for_once() -> None:
    azure = Azure({"/runs/AutoML_1": FOUND, "/experimentids/e1": {"name": "bank"}})
    calls = RunCalls()
    calls._azure = azure  # type: ignore[assignment]
    for _ in range(3):
        run = calls.get_run("AutoML_1")
    assert (run.experiment_name, run.run_type, run.properties) == ("bank", "automl", {"primary_metric": "accuracy"})
    assert azure.asked.count("GET history/experimentids/e1") == 1
    assert len(azure.asked) == 4


@pytest.mark.parametrize(("status", "error"), [("Failed", "the run failed and Azure says no more"), ("Canceled", "")])
def test_an_end_without_a_reason_has_words(status: str, error: str) -> None:
    calls = RunCalls()
    calls._azure = Azure(  # type: ignore[assignment]
        {"/runs/AutoML_1": {**FOUND, "status": status}, "/experimentids/e1": {"name": "bank"}}
    )
    run = calls.get_run("AutoML_1")
    assert run.error
    assert error in run.error


@pytest.mark.parametrize("made_by_another", [False, True])
def test_an_experiment_that_is_not_there_is_made_by_the_first_run(*, made_by_another: bool) -> None:
    class Empty(Azure):
        def json(self, method: str, service: str, path: str, **request: Any) -> Any:
            if method == "POST":
                self.answers["/experiments/new/runs/r"] = {**FOUND, "runId": "r"}
                if made_by_another:
                    raise Conflict("there is an experiment of that name")
                return {"name": "new"}
            return super().json(method, service, path, **request)

    azure = Empty({})
    assert RunHistory(azure).write("new", "r", {"tags": {}}).run_id == "r"  # type: ignore[arg-type]
    assert azure.asked == ["PATCH history/experiments/new/runs/r"] * 2
