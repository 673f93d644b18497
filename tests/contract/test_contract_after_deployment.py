"""Monitoring and batch scoring on every adapter: what they need of a workspace is there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from tests.contract.conftest import LABEL, Trained, settle

from azureml_batch.output import LocalOutput
from azureml_batch.scoring import BatchInput, BatchTools, score_batch
from azureml_monitoring.record import MonitorVerdict
from azureml_monitoring.settings import MonitorSettings
from azureml_monitoring.watch import watch
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DeploySettings, WebService
from azureml_workspace.statuses import SETTLED_SERVICE_STATES, ServiceState

pytestmark = pytest.mark.contract

NAME = "contract-after"


@pytest.fixture
def service(workspace: Workspace, trained: Trained) -> Iterator[WebService]:
    """Healthy, with Application Insights on, of a model whose tags name its data."""
    tags = {"dataset": trained.dataset.name, "dataset_version": str(trained.dataset.version), "label": LABEL}
    model = workspace.register_model(NAME, trained.run.run_id, tags=tags)
    workspace.deploy(
        DeploySettings(service_name=NAME, model_name=model.name, model_version=model.version, app_insights_enabled=True)
    )
    found = settle(lambda: workspace.get_service(NAME), lambda seen: seen.state in SETTLED_SERVICE_STATES)
    assert found.state is ServiceState.HEALTHY, found.error
    yield found
    workspace.delete_service(NAME)


def rows(count: int, colours: tuple[str, ...]) -> list[dict[str, Any]]:
    chance = random.Random(count)
    return [
        {"visits": chance.randint(0, 20), "colour": chance.choice(colours), "price": round(chance.random(), 3)}
        for _ in range(count)
    ]


def send(workspace: Workspace, service: WebService, sent: list[dict[str, Any]], *, of: int) -> None:
    key = workspace.service_keys(service.name).primary
    headers = {"Authorization": f"Bearer {key}"}
    assert requests.post(service.scoring_uri, json={"data": sent}, headers=headers, timeout=30).status_code == 200
    settle(lambda: workspace.service_inputs(service.name, since_seconds=3600), lambda found: len(found.rows) >= of)


def test_drift_is_seen(workspace: Workspace, service: WebService) -> None:
    send(workspace, service, rows(100, ("red", "green", "blue")), of=100)
    settings = MonitorSettings(min_rows=100, max_rows=100, window_hours=1)
    same = watch(workspace, service.name, settings)
    assert (same.verdict, same.sampled_rows, same.drifted) == (MonitorVerdict.OK, 100, ())
    send(workspace, service, rows(101, ("violet",)), of=201)
    other = watch(workspace, service.name, settings)
    assert (other.verdict, other.drifted) == (MonitorVerdict.DRIFT, ("colour",))
    assert workspace.read_document(other.path).content["reason"] == other.reason


def test_a_batch_is_scored_once(workspace: Workspace, service: WebService, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    values = [list(map(str, row.values())) for row in rows(30, ("red",))]
    lines = [f"id,visits,colour,price,{LABEL}"]
    lines += [",".join([str(number), *row, "no"]) for number, row in enumerate(values)]
    path.write_text("\n".join(lines) + "\n")
    batch = BatchInput(
        path=path,
        key="2026-11-27",
        source=str(path),
        fingerprint=f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        id_columns=("id",),
    )
    tools = BatchTools(
        champion=lambda: settle(
            lambda: workspace.get_service(service.name), lambda seen: seen.state in SETTLED_SERVICE_STATES
        ),
        key_of=lambda seen: workspace.service_keys(seen.name).primary,
        rows_per_request=7,
    )
    output = LocalOutput(tmp_path / "out")
    manifest, scored = score_batch(workspace, batch, output, tools)
    assert (manifest.rows, manifest.classes, manifest.model_name, scored) == (30, ("no", "yes"), NAME, True)
    columns = pq.ParquetFile(manifest.output).read().to_pydict()
    assert columns["id"] == [str(number) for number in range(30)]
    assert columns["label"] == ["yes" if p > 0.5 else "no" for p in columns["probability_yes"]]
    assert score_batch(workspace, batch, output, tools) == (manifest, False)
