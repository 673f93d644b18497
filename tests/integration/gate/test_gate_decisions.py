"""What the gate decides of planted models, each behind a real web service."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.gate.conftest import GateWorld, shuffled, upside_down_in_the_north
from tests.integration.gate.slow_proxy import slowed

from azureml_gate.decide import decide, decide_by_age
from azureml_gate.decision import DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.store import read_decision
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import ModelVersion, WebService

pytestmark = pytest.mark.integration

OLD, NEW = {"drop_key": "2026-01-01", "dataset_fingerprint": "sha256:old"}, {"drop_key": "2026-01-02"}


def failed(record: DecisionRecord) -> list[str]:
    return [check.name for check in record.checks if check.outcome == "failed"]


def judged(world: GateWorld, request: GateRequest) -> DecisionRecord:
    """The decision, which is what its document says."""
    record = decide(world.workspace, request, key_of=world.key_of)
    assert read_decision(world.workspace, record.path) == record
    return record


def test_an_equal_model_of_newer_data_is_promoted(world: GateWorld) -> None:
    run = world.train("honest")
    champion, challenger = world.serve(world.model(run, **OLD)), world.serve(world.model(run, **NEW))
    record = judged(world, world.request(challenger, champion))
    assert (record.verdict, failed(record)) == (Verdict.PROMOTE, [])
    assert record.comparison is not None
    assert (record.comparison.difference, record.comparison.low, record.comparison.high) == (0.0, 0.0, 0.0)
    assert record.request.drop_key == "2026-01-02"
    assert record.champion == Versioned(name=champion.model_name, version=1)
    assert record.warnings == ()


def test_an_equal_model_of_the_same_data_is_no_gain(world: GateWorld) -> None:
    run = world.train("honest")
    champion, challenger = world.serve(world.model(run, **NEW)), world.serve(world.model(run, **NEW))
    record = judged(world, world.request(challenger, champion))
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["gain"])
    assert "No gain: the challenger was trained on the same data as the champion" in record.reason


def test_a_better_model_of_the_same_data_is_promoted_and_the_rule_better_wants_one(world: GateWorld) -> None:
    champion = world.serve(world.model(world.train("blind", exclude=("income",)), **NEW))
    challenger = world.serve(world.model(world.train("honest"), **NEW))
    for rule in ("not_worse", "better", "point"):
        record = judged(world, world.request(challenger, champion, rule=rule))
        assert (record.verdict, failed(record)) == (Verdict.PROMOTE, []), record.reason
    back = judged(world, world.request(champion, challenger, rule="better"))
    assert back.verdict is Verdict.REJECT
    assert {"metric", "gain"} <= set(failed(back))


def test_a_worse_model_is_rejected_with_every_figure(world: GateWorld) -> None:
    champion = world.serve(world.model(world.train("honest"), **OLD))
    challenger = world.serve(world.model(world.train("shuffled", shuffled), **NEW))
    record = judged(world, world.request(challenger, champion))
    assert record.verdict is Verdict.REJECT
    assert {"metric", "cohorts"} == set(failed(record))
    assert "does not become the model of web service" in record.reason
    assert f"which goes on with {champion.model_name} version 1." in record.reason
    assert record.holdout is not None
    assert (record.holdout.rows, record.holdout.compared, sum(record.holdout.class_counts.values())) == (700, 700, 700)
    for figures, service in ((record.challenger_figures, challenger), (record.champion_figures, champion)):
        assert figures is not None
        assert (figures.name, figures.service, figures.refused_rows) == (service.model_name, service.name, 0)
        assert figures.classes == ("no", "yes")
        assert {"AUC_weighted", "accuracy", "log_loss"} <= figures.metrics.keys()
        assert figures.load is not None
        assert (figures.load.requests, figures.load.failed) == (50, 0)
    assert record.differences["AUC_weighted"] < -0.2
    assert record.cohorts_compared == len(record.cohorts) == 12


def test_a_model_far_worse_for_one_region_is_rejected_although_it_is_better_overall(world: GateWorld) -> None:
    champion = world.serve(world.model(world.train("blind", exclude=("income",)), **OLD))
    challenger = world.serve(world.model(world.train("upside-down", upside_down_in_the_north), **NEW))
    record = judged(world, world.request(challenger, champion))
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["cohorts"])
    assert record.comparison is not None
    assert record.comparison.low > 0
    assert (record.cohorts[0].column, record.cohorts[0].cohort) == ("region", "north")
    without = judged(world, world.request(challenger, champion, cohort_tolerance=None))
    assert (without.verdict, without.cohorts) == (Verdict.PROMOTE, ())
    elsewhere = judged(world, world.request(challenger, champion, cohort_columns=("age",)))
    assert (elsewhere.verdict, {cohort.column for cohort in elsewhere.cohorts}) == (Verdict.PROMOTE, {"age"})


def test_a_slower_model_is_rejected_for_that_alone(world: GateWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.train("honest")
    champion, challenger = world.serve(world.model(run, **OLD)), world.serve(world.model(run, **NEW))
    get_service = world.workspace.get_service
    look: dict[str, Any] = {"requests": 10, "p95_slack_ms": 5}
    with slowed(challenger.scoring_uri, 0.06) as uri:

        def through_the_proxy(name: str) -> WebService:
            found = get_service(name)
            return replace(found, scoring_uri=uri) if name == challenger.name else found

        monkeypatch.setattr(world.workspace, "get_service", through_the_proxy)
        record = judged(world, world.request(challenger, champion, **look))
        lenient = judged(world, world.request(challenger, champion, **look | {"max_p95_ratio": None}))
        limited = judged(world, world.request(challenger, champion, **look | {"max_p95_ratio": None, "max_p95_ms": 20}))
        slack = judged(world, world.request(challenger, champion, **look | {"p95_slack_ms": 60_000}))
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["latency_ratio"])
    assert re.search(r"in [78] of 8 turns the candidate's was more than 2 times the champion's", record.reason)
    assert (lenient.verdict, slack.verdict) == (Verdict.PROMOTE, Verdict.PROMOTE)
    assert failed(limited) == ["latency"]


def test_a_first_model_is_held_to_thresholds_alone(world: GateWorld) -> None:
    good = world.serve(world.model(world.train("honest"), **NEW))
    record = judged(world, world.request(good, min_metric=0.9))
    assert (record.verdict, record.champion, record.comparison) == (Verdict.PROMOTE, None, None)
    assert "its first one" in record.reason
    high = judged(world, world.request(good, min_metric=0.999))
    assert (high.verdict, failed(high)) == (Verdict.REJECT, ["min_metric"])
    assert "which has none yet. AUC_weighted of the challenger is" in high.reason
    small = judged(world, world.request(good, min_metric=0.9, min_holdout_rows=10_000))
    assert (small.verdict, failed(small)) == (Verdict.REJECT, ["holdout_size"])
    asked_for_nothing = judged(world, world.request(good, min_holdout_rows=10_000))
    assert asked_for_nothing.verdict is Verdict.PROMOTE
    assert [check.outcome for check in asked_for_nothing.checks if check.name == "holdout_size"] == ["warning"]


def test_too_few_rows_decide_nothing_in_favour_of_a_challenger(world: GateWorld) -> None:
    run = world.train("honest")
    champion, challenger = world.serve(world.model(run, **OLD)), world.serve(world.model(run, **NEW))
    record = judged(world, world.request(challenger, champion, max_holdout_rows=40))
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["holdout_size"])
    assert record.holdout is not None
    assert (record.holdout.rows, record.holdout.compared) == (700, 40)
    assert "a smaller min_holdout_rows" in record.reason


def test_an_older_model_never_comes_to_the_gate_unless_told_to(world: GateWorld) -> None:
    run = world.train("honest")
    champion, challenger = world.serve(world.model(run, **NEW)), world.serve(world.model(run, **OLD))
    request = world.request(challenger, champion)
    early = decide_by_age(world.workspace, request)
    assert early is not None
    assert (early.verdict, early.checks) == (Verdict.OLDER, ())
    assert "trained on data up to drop 2026-01-01" in early.reason
    assert judged(world, request) == early
    told_to = world.request(challenger, champion, allow_older=True)
    assert decide_by_age(world.workspace, told_to) is None
    allowed = judged(world, told_to)
    assert (allowed.verdict, failed(allowed)) == (Verdict.REJECT, ["gain"])
    assert decide_by_age(world.workspace, world.request(champion, challenger)) is None


def test_a_champion_that_may_have_seen_the_holdout_is_said(world: GateWorld) -> None:
    run = world.train("honest")
    champion = world.serve(world.model(run, **OLD, holdout_split="hash1:0.5:all"))
    challenger = world.serve(world.model(run, **NEW))
    record = judged(world, world.request(challenger, champion))
    assert record.verdict is Verdict.PROMOTE
    assert ["which would flatter the champion" in warning for warning in record.warnings] == [True]


def test_a_challenger_that_may_have_seen_the_holdout_is_rejected(world: GateWorld) -> None:
    run = world.train("honest")
    champion = world.serve(world.model(run, **OLD))
    challenger = world.serve(world.model(run, **NEW, holdout_split="hash1:0.5:all"))
    record = judged(world, world.request(challenger, champion))
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["holdout_unseen"])


def test_asked_again_nothing_is_measured_and_another_champion_is_another_question(
    world: GateWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.train("honest")
    champion, challenger = world.serve(world.model(run, **OLD)), world.serve(world.model(run, **NEW))
    request = world.request(challenger, champion)
    first = judged(world, request)

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("measured again")

    with monkeypatch.context() as patched:
        patched.setattr("azureml_gate.evaluation.evaluate", forbidden)
        assert judged(world, request) == first
    other = world.serve(world.model(run, drop_key="2025-06-01"), name=champion.name)
    anew = decide(world.workspace, request, key_of=world.key_of, supersedes=first.decision_id)
    assert (anew.decision_id != first.decision_id, anew.supersedes) == (True, first.decision_id)
    assert anew.champion == Versioned(name=other.model_name, version=1)
    listed = [entry.path for entry in world.workspace.list_documents(f"decisions/{champion.name}")]
    assert sorted(listed) == sorted({first.path, anew.path})


def test_a_try_that_loses_the_race_to_write_gives_the_decision_that_counts(
    world: GateWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenger = world.serve(world.model(world.train("honest"), **NEW))
    request = world.request(challenger, by="race/1")
    write = world.workspace.write_document

    def somebody_was_faster(path: str, content: dict[str, Any], *, expected: str | None) -> Any:
        write(path, content | {"reason": "somebody else's"}, expected=expected)
        return write(path, content, expected=expected)

    monkeypatch.setattr(world.workspace, "write_document", somebody_was_faster)
    assert decide(world.workspace, request, key_of=world.key_of).reason == "somebody else's"


def test_what_is_served_already_is_promoted_without_a_look(world: GateWorld) -> None:
    model = world.model(world.train("honest"), **NEW)
    live, candidate = world.serve(model), world.serve(model)
    record = judged(world, world.request(candidate, live))
    assert (record.verdict, record.checks) == (Verdict.PROMOTE, ())
    assert "serves already" in record.reason


def test_mistakes_are_named(world: GateWorld) -> None:
    model: ModelVersion = world.model(world.train("honest"), **NEW)
    challenger = world.serve(model)
    request = world.request(challenger)
    cases: list[tuple[GateRequest, type[Exception], str]] = [
        (replace(request, label="sold"), InvalidRequest, "label is 'sold', and dataset gate-holdout version 1 has the"),
        (replace(request, holdout=None), InvalidRequest, "there is no holdout"),
        (replace(request, holdout=Versioned(name="gate-nothing", version=1)), NotFound, "gate-nothing"),
        (replace(request, candidate_service="gate-gone"), NotFound, "gate-gone"),
        (replace(request, challenger=Versioned(name=model.name, version=9)), NotFound, "9"),
    ]
    for asked, kind, words in cases:
        with pytest.raises(kind, match=words):
            decide(world.workspace, asked, key_of=world.key_of)
    other = world.model(world.train("honest"), **NEW)
    wrong = replace(request, challenger=Versioned(name=other.name, version=other.version))
    with pytest.raises(Conflict, match=f"serves {model.name} version 1, and {other.name} version 1 is to be judged"):
        decide(world.workspace, wrong, key_of=world.key_of)


def test_a_champion_that_changes_while_it_is_measured_is_measured_anew(
    world: GateWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azureml_gate import evaluation

    run = world.train("honest")
    champion, challenger = world.serve(world.model(run, **OLD)), world.serve(world.model(run, **NEW))
    others = [world.model(run, drop_key="2025-12-01"), world.model(run, drop_key="2026-03-01")]
    evaluate, measured = evaluation.evaluate, []

    def meanwhile(*arguments: Any, **given: Any) -> Any:
        found = evaluate(*arguments, **given)
        measured.append(found.champion)
        if others:
            world.serve(others.pop(0), name=champion.name)
        return found

    monkeypatch.setattr(evaluation, "evaluate", meanwhile)
    record = judged(world, world.request(challenger, champion))
    assert len(measured) == 2
    assert record.verdict is Verdict.OLDER
    assert "trained on data up to drop 2026-03-01" in record.reason
    assert len(world.workspace.list_documents(f"decisions/{champion.name}")) == 1
