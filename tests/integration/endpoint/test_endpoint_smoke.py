import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.endpoint.scripted_service import CLOSE, Seen, Step, answer, reply, running

from azureml_endpoint.__main__ import main
from azureml_endpoint.smoke import SmokeReport, smoke_check
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.integration

KEY = "k" * 32
ROWS: list[dict[str, Any]] = [{"age": 57, "job": "technician"}, {"age": 25, "job": "student"}]
SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "bank", "version": "1"},
    "definitions": {
        "ServiceInput": {
            "type": "object",
            "required": ["data"],
            "properties": {
                "data": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["age", "job"],
                        "properties": {"age": {"type": "integer"}, "job": {"type": "string"}},
                    },
                }
            },
            "example": {"data": ROWS},
        },
        "ServiceOutput": {
            "type": "object",
            "properties": {"result": {"type": "array", "items": {"type": "string", "enum": ["no", "yes"]}}},
        },
    },
}


def good(seen: Seen) -> Step:
    """A service that keeps the wire shape: older than 40 is a yes."""
    if seen.method == "GET":
        return {"/": reply(body=b"Healthy"), "/swagger.json": reply(body=SWAGGER)}.get(seen.path, reply(404, b"no"))
    if seen.headers.get("authorization") != f"Bearer {KEY}":
        return reply(401, {"error": {"code": "Unauthorized", "message": "a key is needed"}})
    try:
        body = seen.json
    except ValueError:
        return reply(400, {"error": {"code": "BadRequest", "message": "not JSON"}})
    ages = [row["age"] for row in body["data"]]
    if body.get("method") == "predict_proba":
        return answer([[0.1, 0.9] if age > 40 else [0.75, 0.25] for age in ages], "string")
    return answer(["yes" if age > 40 else "no" for age in ages], "string")


def with_fault(matches: Callable[[Seen], bool], fault: Step) -> Callable[[Seen], Step]:
    return lambda seen: fault if matches(seen) else good(seen)


def proba(seen: Seen) -> bool:
    return b"predict_proba" in seen.body


def predict(seen: Seen) -> bool:
    return seen.method == "POST" and KEY in seen.headers.get("authorization", "") and seen.body.endswith(b'"}]}')


def failures(report: SmokeReport) -> dict[str, str]:
    return {check.name: check.detail for check in report.failures}


def test_a_good_service_passes_every_check() -> None:
    with running(good) as service:
        report = smoke_check(service.scoring_uri, KEY, ROWS, expected_labels=["yes", "no"], classes=["no", "yes"])
    assert failures(report) == {}
    assert report.passed
    assert report.labels == ("yes", "no")
    assert report.latency_ms is not None
    assert [check.name for check in report.checks] == [
        "health", "swagger", "rows_match_contract", "score", "reply_count", "reply_matches_contract", "known_labels",
        "expected_labels", "probabilities", "wrong_key_refused", "no_key_refused", "malformed_refused",
    ]  # fmt: skip
    assert KEY not in json.dumps(report.to_dict())
    assert SmokeReport.from_dict(report.to_dict()) == report


def test_without_rows_the_example_of_the_contract_is_scored() -> None:
    with running(good) as service:
        report = smoke_check(service.scoring_uri, KEY)
    assert (report.passed, report.labels) == (True, ("yes", "no"))


@pytest.mark.parametrize(
    ("matches", "fault", "name", "words"),
    [
        (lambda seen: seen.path == "/", reply(500, b"down"), "health", "answered 500 down; 200 was expected"),
        (lambda seen: seen.path == "/swagger.json", reply(404, b"none"), "swagger", "HTTP 404"),
        (lambda seen: seen.path == "/swagger.json", reply(body=b"<html>"), "swagger", "not JSON"),
        (
            lambda seen: seen.path == "/swagger.json",
            reply(body={"swagger": "2.0", "definitions": {"ServiceInput": {}, "ServiceOutput": {}}}),
            "swagger",
            "does not type the columns",
        ),
        (predict, reply(500, {"error": {"message": "boom"}}), "score", "HTTP 500): boom"),
        (predict, reply(200, {"error": "boom"}), "score", "boom"),
        (predict, answer(["yes"]), "reply_count", "1 results; 2 were expected"),
        (predict, answer(["yes", 3]), "reply_matches_contract", "3 is not of type 'string'"),
        (predict, answer(["yes", "perhaps"]), "known_labels", '"perhaps"'),
        (predict, answer(["yes", "yes"]), "expected_labels", "1 of 2 labels differ, first in row 1: 'yes'; 'no' was"),
        (proba, reply(400, {"error": {"message": "no such method"}}), "probabilities", "no such method"),
        (proba, answer(["yes", "no"]), "probabilities", "row 0 is yes; a list of numbers was expected"),
        (proba, answer([[0.5, 0.5], [0.5, 0.6]]), "probabilities", "sums to 1.1000"),
        (proba, answer([[0.5, 0.5], [1.5, -0.5]]), "probabilities", "row 1"),
        (proba, answer([[1.0], [1.0]]), "probabilities", "1 probabilities; 2 were expected, one per class"),
        (proba, answer([[0.5, 0.5]]), "probabilities", "1 rows of probabilities; 2"),
        (
            lambda seen: seen.headers.get("authorization") not in (None, f"Bearer {KEY}"),
            answer(["yes", "no"]),
            "wrong_key_refused",
            "answered 200",
        ),
        (
            lambda seen: seen.method == "POST" and "authorization" not in seen.headers,
            reply(403, b"no"),
            "no_key_refused",
            "answered 403 no; 401 was expected",
        ),
        (lambda seen: seen.body == b'{"data": [{', reply(500, b"oops"), "malformed_refused", "400 was expected"),
        (lambda seen: seen.body == b'{"data": [{', CLOSE, "malformed_refused", "No complete answer"),
    ],
)
def test_each_fault_fails_its_own_check_and_is_named(
    matches: Callable[[Seen], bool], fault: Step, name: str, words: str
) -> None:
    with running(with_fault(matches, fault)) as service:
        report = smoke_check(service.scoring_uri, KEY, ROWS, expected_labels=["yes", "no"])
    assert not report.passed
    assert words in failures(report)[name]
    collateral = (
        {"known_labels", "expected_labels", "reply_matches_contract", "reply_count"} if matches is predict else set()
    )
    assert set(failures(report)) - {name} <= collateral


def test_rows_that_break_the_contract_are_named() -> None:
    with running(good) as service:
        report = smoke_check(service.scoring_uri, KEY, [{"age": 57, "job": "x"}, {"age": 57, "job": 3}])
    assert "row 1, column 'job'" in failures(report)["rows_match_contract"]


def test_a_wrong_key_fails_without_being_shown() -> None:
    def tell(seen: Seen) -> Step:
        return reply(401, {"error": {"message": f"bad: {seen.headers.get('authorization')}"}})

    with running(tell) as service:
        report = smoke_check(service.scoring_uri, "mysecretkey", ROWS)
    assert "refused the key" in failures(report)["score"]
    assert "mysecretkey" not in json.dumps(report.to_dict())
    assert not report.unavailable


def test_a_service_that_is_gone_is_a_report_that_says_so() -> None:
    with running(good) as service:
        uri = service.scoring_uri
    report = smoke_check(uri, KEY, ROWS)
    assert report.unavailable
    assert {"health", "swagger", "score", "malformed_refused"} <= set(failures(report))
    assert "Connection refused" in failures(report)["score"]


def test_an_open_service_is_not_asked_for_refusals() -> None:
    with running(with_fault(lambda seen: seen.body == b'{"data": [{', reply(400, b"bad"))) as service:
        report = smoke_check(service.scoring_uri, KEY, ROWS, auth_enabled=False, probabilities=False)
    names = {check.name for check in report.checks}
    assert report.passed
    assert names.isdisjoint({"wrong_key_refused", "no_key_refused", "probabilities"})


def test_expected_labels_must_be_as_many_as_the_rows() -> None:
    with pytest.raises(InvalidRequest, match="1 expected labels were given for 2 rows"):
        smoke_check("http://127.0.0.1:1/score", KEY, ROWS, expected_labels=["yes"])


# Command line


def test_the_command_line_checks_and_loads_with_the_key_of_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZUREML_SERVICE_KEY", KEY)
    with running(good) as service:
        assert main(["smoke", service.scoring_uri]) == 0
        assert (
            main(["bench", service.scoring_uri, "-n", "250", "-c", "2", "--p95-ms", "60000", "--p99-ms", "60000"]) == 1
        )
    shown = capsys.readouterr().out
    assert "pass  expected_labels" not in shown
    assert "pass  known_labels" in shown
    assert "Complete requests:      250" in shown
    assert "pass  p95_ms is" in shown
    assert "FAIL  p99_ms: needs at least 1000 successful requests" in shown
    assert KEY not in shown


def test_the_command_line_reads_key_and_rows_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "rows.json").write_text(json.dumps({"data": ROWS[:1]}))
    files = ["--key-file", str(tmp_path / "key"), "--rows", str(tmp_path / "rows.json")]
    with running(good) as service:
        assert main(["bench", service.scoring_uri, "-n", "5", "--warmup", "0", "--json", *files]) == 0
        assert {seen.body for seen in service.scored} == {b'{"data":[{"age":57,"job":"technician"}]}'}
    assert json.loads(capsys.readouterr().out)["report"]["requests"] == 5


def test_failures_decide_the_exit_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZUREML_SERVICE_KEY", raising=False)
    with running(good) as service:
        uri = service.scoring_uri
        assert main(["bench", uri, "-n", "5"]) == 1, "no key: all 401"
        assert main(["smoke", uri, "--json"]) == 1
        assert main(["bench", uri, "-n", "0"]) == 2
        assert main(["bench", uri, "--key-file", "/no/such/file"]) == 2
        assert main(["bench", "nonsense"]) == 2
    assert "cannot be read (FileNotFoundError)" in capsys.readouterr().err
