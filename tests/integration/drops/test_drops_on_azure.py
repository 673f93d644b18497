"""Drops on the adapter for Azure: the real SDK v1 over HTTP, against a local Azure ML that answers as Azure does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.integration.drops.drop_files import Drops, rows

from azureml_drops.ledger import DropStatus
from azureml_drops.preparing import TrainingRequest, prepare_training
from azureml_drops.training_claim import ClaimState, finish_training
from azureml_drops.window import WindowDrop

pytestmark = pytest.mark.integration


def test_drops_are_registered_refused_and_trained_on_once(azure_server: AzureServer, tmp_path: Path) -> None:
    drops = Drops.of(azure_server.azure_workspace(), tmp_path, "azure-drops")
    for number in (1, 2):
        drops.write(f"2026-11-0{number}", rows(number))
    drops.write("2026-11-03", rows(1))
    drops.write("2026-11-04", rows(4, shift=40))
    done = [drops.register(f"2026-11-0{number}") for number in (2, 1, 3, 4)]
    assert [(drop.status, drop.version) for drop in done] == [
        (DropStatus.REGISTERED, 1),
        (DropStatus.REGISTERED, 2),
        (DropStatus.DUPLICATE, 2),
        (DropStatus.QUARANTINED, None),
    ]
    assert drops.versions() == [(1, "2026-11-02"), (2, "2026-11-01")]
    assert drops.register("2026-11-01", by="dag/2") == done[1]
    this = WindowDrop(key=done[0].key, version=1, fingerprint=done[0].fingerprint, rows=done[0].rows)
    request = TrainingRequest(label="y", window="all", holdout_share=0.3)
    prepared = prepare_training(drops.registrar(), this, request)
    assert prepared.plan is not None
    assert [drop.version for drop in prepared.plan.drops] == [2, 1]
    assert prepared.plan.training.rows + prepared.plan.holdout.rows == 120
    busy = prepare_training(drops.registrar("dag/2"), this, request, lambda _: True)
    assert busy.state is ClaimState.BUSY
    key = prepared.claim.training_key
    finish_training(drops.workspace, "azure-drops", key, model_name="m", model_version=1, by="dag/run")
    assert drops.statuses("2026-11-02") == [DropStatus.REGISTERED, DropStatus.TRAINED]
