"""What the gate decides of planted models, each behind a real web service."""

from __future__ import annotations

import pytest
from tests.integration.gate.conftest import GateWorld, shuffled, upside_down_in_the_north

from azureml_gate.decide import decide
from azureml_gate.decision import DecisionRecord, Verdict

pytestmark = pytest.mark.integration


def failed(record: DecisionRecord) -> list[str]:
    return [check.name for check in record.checks if check.outcome == "failed"]


def test_an_equal_model_of_newer_data_is_promoted(world: GateWorld) -> None:
    run = world.train("honest")
    champion = world.serve(world.model(run, drop_key="2026-01-01", dataset_fingerprint="sha256:old"))
    challenger = world.serve(world.model(run, drop_key="2026-01-02"))
    record = decide(world.workspace, world.request(challenger, champion), key_of=world.key_of)
    assert failed(record) == []
    assert record.verdict is Verdict.PROMOTE


def test_a_worse_model_is_rejected(world: GateWorld) -> None:
    champion = world.serve(world.model(world.train("honest"), drop_key="2026-01-01"))
    challenger = world.serve(world.model(world.train("shuffled", shuffled), drop_key="2026-01-02"))
    record = decide(world.workspace, world.request(challenger, champion), key_of=world.key_of)
    assert record.verdict is Verdict.REJECT
    assert "metric" in failed(record)


def test_a_model_far_worse_for_one_region_is_rejected_although_it_is_better_overall(world: GateWorld) -> None:
    champion = world.serve(world.model(world.train("blind", exclude=("income",)), drop_key="2026-01-01"))
    run = world.train("upside-down", upside_down_in_the_north)
    challenger = world.serve(world.model(run, drop_key="2026-01-02"))
    record = decide(world.workspace, world.request(challenger, champion), key_of=world.key_of)
    assert record.verdict is Verdict.REJECT
    assert failed(record) == ["cohorts"]
    assert record.comparison is not None
    assert record.comparison.low > 0
    assert (record.cohorts[0].column, record.cohorts[0].cohort) == ("region", "north")
