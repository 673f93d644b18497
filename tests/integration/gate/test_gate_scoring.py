"""Scoring a holdout with a web service that is not at its best: real HTTP, scripted answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.integration.endpoint.scripted_service import ScriptedService, Seen, answer, reply, running

from azureml_endpoint.errors import EndpointUnavailable, KeyRefused, RowsRefused, UnexpectedReply
from azureml_endpoint.score import ScoringClient
from azureml_endpoint.turns import Target, load_in_turns
from azureml_gate.latency import TURNS, measure
from azureml_gate.service_rows import TypedRows
from azureml_gate.service_scores import Scores, score_holdout
from azureml_gate.settings import GateSettings
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between tries, which nobody waits for here."""
    taken: list[float] = []
    monkeypatch.setattr("azureml_gate.service_scores.time", SimpleNamespace(sleep=taken.append))
    return taken


def rows_of(count: int) -> TypedRows:
    return TypedRows(rows={place * 2: {"x": place} for place in range(count)}, refusals={1: "known before"})


def probabilities(seen: Seen) -> list[list[float]]:
    return [[1 / (2 + row["x"]), 1 - 1 / (2 + row["x"])] for row in seen.json["data"]]


def score(service: ScriptedService, typed: TypedRows) -> Scores:
    with ScoringClient(service.scoring_uri, "key-1", purpose="gate") as client:
        return score_holdout(client, typed)


def test_batches_cover_every_row_once_and_say_what_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azureml_gate.service_scores.BATCH_ROWS", 4)
    with running(lambda seen: answer(probabilities(seen))) as service:
        scores = score(service, rows_of(10))
    assert [len(seen.json["data"]) for seen in service.scored] == [4, 4, 2]
    assert {seen.json["method"] for seen in service.scored} == {"predict_proba"}
    assert {seen.headers["x-azureml-purpose"] for seen in service.scored} == {"gate"}
    assert scores.places.tolist() == list(range(0, 20, 2))
    assert scores.probabilities[:, 0].tolist() == [1 / (2 + place) for place in range(10)]
    assert scores.of([4, 18])[:, 0].tolist() == [1 / 4, 1 / 11]
    assert scores.refusals == {1: "known before"}


@pytest.mark.parametrize(("status", "pauses"), [(503, 3), (429, 3)])
def test_a_service_that_cannot_answer_just_now_is_asked_again_and_not_for_ever(
    status: int, pauses: int, naps: list[float]
) -> None:
    def flaky(seen: Seen) -> bytes:
        return reply(status, {"error": {"message": "busy"}}) if seen.number < 3 else answer(probabilities(seen))

    with running(flaky) as service:
        assert len(score(service, rows_of(3)).places) == 3
    assert len(naps) == pauses
    with (
        running(lambda seen: reply(503, {"error": {"message": "down"}})) as service,
        pytest.raises(EndpointUnavailable),
    ):
        score(service, rows_of(3))
    assert len(service.scored) == 4


def test_a_throttling_service_is_given_the_time_that_it_asks_for(naps: list[float]) -> None:
    def throttling(seen: Seen) -> bytes:
        return reply(429, {}, retry_after="7") if seen.number == 0 else answer(probabilities(seen))

    with running(throttling) as service:
        score(service, rows_of(1))
    assert naps == [7.0]


def refusing(bad: Callable[[int], bool]) -> Callable[[Seen], bytes]:
    def handler(seen: Seen) -> bytes:
        if any(bad(row["x"]) for row in seen.json["data"]):
            return reply(400, {"error": {"message": "row 1, column 'x': expected something else"}})
        return answer(probabilities(seen))

    return handler


def test_rows_that_are_refused_cost_only_themselves() -> None:
    with running(refusing(lambda x: x in {3, 7})) as service:
        scores = score(service, rows_of(20))
    assert len(scores.places) == 18
    assert sorted(scores.refusals) == [1, 6, 14]
    assert "expected something else" in scores.refusals[6]


def test_a_service_that_refuses_everything_is_not_asked_for_every_row() -> None:
    with running(refusing(lambda _: True)) as service, pytest.raises(RowsRefused):
        score(service, rows_of(400))
    assert len(service.scored) < 150


def test_a_refused_key_is_no_refused_row() -> None:
    with running(lambda seen: reply(401, {})) as service, pytest.raises(KeyRefused):
        score(service, rows_of(3))
    assert len(service.scored) == 1


@pytest.mark.parametrize("result", [["no", "yes"], [[0.5, 0.5], [1.0]], [0.5, 0.5], [[0.5, "x"], [0.5, 0.5]]])
def test_answers_that_are_no_probabilities_say_what_the_gate_needs(result: list[Any]) -> None:
    with (
        running(lambda seen: answer(result)) as service,
        pytest.raises(UnexpectedReply, match="the gate needs a service that knows predict_proba"),
    ):
        score(service, rows_of(2))


def test_services_are_loaded_in_turns_whose_order_changes() -> None:
    order: list[str] = []

    def named(name: str) -> Callable[[Seen], bytes]:
        def handler(seen: Seen) -> bytes:
            order.append(name)
            assert seen.headers["x-azureml-purpose"] == "gate"
            return answer([1])

        return handler

    with running(named("a")) as first, running(named("b")) as second:
        targets = [Target(scoring_uri=service.scoring_uri, key=None, body=b"{}") for service in (first, second)]
        reports = load_in_turns(targets, requests=7, turns=3, warmup=0, purpose="gate")
    assert "".join(order) == "aaabbb" + "bbaa" + "aabb"
    for report in reports:
        assert (report.load.requests, report.load.failed, len(report.p95_ms_by_turn)) == (7, 0, 3)
        assert report.load.by_status == {"200": 7}


def test_a_turn_that_was_disturbed_does_not_make_a_service_slow() -> None:
    def disturbed(seen: Seen) -> bytes:
        if 30 <= seen.number < 40:
            time.sleep(0.05)
        return answer([1])

    with running(disturbed) as service:
        target = Target(scoring_uri=service.scoring_uri, key=None, body=b"{}")
        (figures,) = measure([target], GateSettings(requests=50, concurrency=1))
    by_turn = [p95 for p95 in figures.p95_ms_by_turn if p95 is not None]
    assert max(by_turn) >= 50
    assert figures.p95_ms == median(by_turn)
    assert (figures.requests, figures.failed, figures.error_rate) == (50, 0, 0.0)


def test_failed_requests_are_counted_with_their_reasons() -> None:
    def failing(seen: Seen) -> bytes:
        return answer([1]) if seen.number % 2 else reply(500, {"error": {"message": "it broke"}})

    with running(failing) as service:
        target = Target(scoring_uri=service.scoring_uri, key=None, body=b"{}")
        # An even number in each of the turns: what warms a turn up counts too for who fails every other one.
        (figures,) = measure([target], GateSettings(requests=2 * TURNS, concurrency=1))
    assert (figures.requests, figures.failed, figures.error_rate) == (2 * TURNS, TURNS, 0.5)
    assert figures.errors == (f"{TURNS} x HTTP 500: it broke",)


def test_a_load_that_cannot_be_cut_into_turns_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="3 requests in 4 turns"):
        load_in_turns([], requests=3, turns=4)


def test_no_rows_are_no_probabilities() -> None:
    with running(lambda seen: answer([])) as service:
        scores = score(service, TypedRows(rows={}, refusals={0: "null"}))
    assert service.seen == []
    assert (scores.places.tolist(), scores.probabilities.shape) == ([], (0, 0))
    assert np.asarray(scores.of([])).shape[0] == 0
