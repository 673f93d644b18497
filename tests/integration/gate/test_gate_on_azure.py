"""The gate through the adapter for Azure: the real SDK v1 over real HTTP, against a local Azure ML."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.integration.gate.conftest import open_world

from azureml_gate.decide import decide
from azureml_gate.decision import Verdict
from azureml_gate.store import read_decision

pytestmark = pytest.mark.integration


def test_a_decision_on_azure_has_every_figure(azure_server: AzureServer, tmp_path: Path) -> None:
    world = open_world(azure_server.azure_workspace(), tmp_path)
    run = world.train("honest")
    champion = world.serve(world.model(run, drop_key="2026-01-01", dataset_fingerprint="sha256:old"))
    challenger = world.serve(world.model(run, drop_key="2026-01-02"))
    try:
        record = decide(world.workspace, world.request(challenger, champion), key_of=world.key_of)
        assert record.verdict is Verdict.PROMOTE, record.reason
        assert read_decision(world.workspace, record.path) == record
        for figures in (record.challenger_figures, record.champion_figures):
            assert figures is not None
            assert figures.classes == ("no", "yes")
            assert figures.metrics["AUC_weighted"] > 0.8
            assert figures.load is not None
        assert record.comparison is not None
        assert record.comparison.difference == 0.0
        assert record.cohorts_compared > 0
        older = decide(world.workspace, world.request(champion, challenger), key_of=world.key_of)
        assert older.verdict is Verdict.OLDER
    finally:
        world.clean_up()
