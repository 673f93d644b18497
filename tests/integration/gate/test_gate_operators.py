"""The gate's tasks one after the other, on a real workspace: candidate, decision, removal, and what the ledger says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported
from tests.integration.gate.conftest import LABEL, GateWorld, shuffled
from tests.local_server import LocalServer
from tests.unit.airflow_azureml.conftest import TaskContext

# isort: split
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_azureml.operators.delete_service import AzureMLDeleteServiceOperator
from airflow_azureml.operators.deploy_candidate import AzureMLDeployCandidateOperator
from airflow_azureml.operators.gate import AzureMLGateOperator
from azureml_drops.ledger import DropEvent, DropStatus, note, now, read_drop
from azureml_drops.training_claim import TrainingClaim, claim_training, expiry, read_claim
from azureml_gate.store import read_decision
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import DeploySettings, ModelVersion

pytestmark = pytest.mark.integration

LIVE = "gate-live"


@pytest.fixture(autouse=True)
def _airflow(monkeypatch: pytest.MonkeyPatch, local_server: LocalServer) -> None:
    """The connection, and leave to call `execute`."""
    connection = {"conn_type": "azureml", "host": local_server.url, "password": local_server.token}
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)


@pytest.fixture
def champion(world: GateWorld) -> Iterator[ModelVersion]:
    """What the live service serves: of the drop of 2 January."""
    model = world.model(
        world.train("honest"), drop_key="2026-01-02", drop_dataset="ops", dataset_fingerprint="sha256:old"
    )
    world.serve(model, LIVE)
    yield model
    world.workspace.delete_service(LIVE)


def prepared(world: GateWorld, key: str) -> dict[str, Any]:
    """What the preparing task returns, after it claimed the training for this DAG run."""
    training_key = f"{key.replace('-', '')}abcdef"
    claim = TrainingClaim(
        dataset="ops",
        training_key=training_key,
        drop_key=key,
        fingerprint=f"sha256:{key}",
        version=1,
        by="d/manual__1",
        at=now(),
        expires_at=expiry(1),
    )
    claim_training(world.workspace, claim)
    note(
        world.workspace,
        "ops",
        key,
        DropEvent(status=DropStatus.REGISTERED, at=now(), fingerprint=claim.fingerprint, dataset_version=1),
    )
    return {
        "dataset": "ops",
        "drop_key": key,
        "training_key": training_key,
        "label": LABEL,
        "candidate_service": f"{LIVE}-{training_key[:8]}",
        "holdout": {"name": world.holdout.name, "version": world.holdout.version, "rows": 700},
    }


def automl(model: ModelVersion) -> dict[str, Any]:
    return {"run_id": model.run_id, "model": {"name": model.name, "version": model.version}}


def run(operator: Any) -> dict[str, Any]:
    result: dict[str, Any] = operator.execute(TaskContext())
    assert json.loads(json.dumps(result)) == result
    return result


def statuses(world: GateWorld, key: str) -> list[str]:
    record = read_drop(world.workspace, "ops", key)
    return [] if record is None else [event.status.value for event in record.events]


def deploy(given: dict[str, Any], model: ModelVersion, **more: Any) -> AzureMLDeployCandidateOperator:
    return AzureMLDeployCandidateOperator(
        task_id="candidate", model=automl(model), service=LIVE, prepared=given, poll_seconds=0.1, **more
    )


def gate(candidate: dict[str, Any], given: dict[str, Any], **more: Any) -> AzureMLGateOperator:
    return AzureMLGateOperator(
        task_id="gate",
        candidate=candidate,
        service=LIVE,
        prepared=given,
        **({"requests": "20", "concurrency": 1, "bootstrap_samples": 200, "p95_slack_ms": 60_000} | more),
    )


def test_a_good_model_passes_and_a_bad_one_is_rejected_in_the_ledger(world: GateWorld, champion: ModelVersion) -> None:
    good = prepared(world, "2026-01-03")
    candidate = run(deploy(good, world.model(world.train("honest"), drop_key="2026-01-03", drop_dataset="ops")))
    assert candidate["name"] == good["candidate_service"]
    assert statuses(world, "2026-01-03") == ["registered", "trained"]
    claim = read_claim(world.workspace, "ops", good["training_key"])
    assert claim is not None
    assert claim.model_name == candidate["model_name"]
    passed = run(gate(candidate, good))
    assert (passed["verdict"], passed["failed_checks"], passed["drop_key"]) == ("promote", [], "2026-01-03")
    assert passed["champion"] == {"name": champion.name, "version": 1}
    assert passed["challenger_score"] == passed["champion_score"]
    assert passed["holdout_rows"] == 700
    assert statuses(world, "2026-01-03") == ["registered", "trained"]

    bad = prepared(world, "2026-01-04")
    worse = world.model(world.train("shuffled", shuffled), drop_key="2026-01-04", drop_dataset="ops")
    candidate = run(deploy(bad, worse))
    refused = run(gate(candidate, bad))
    assert refused["verdict"] == "reject"
    assert "metric" in refused["failed_checks"]
    assert refused["difference"] < -0.2
    assert run(gate(candidate, bad)) == refused
    assert statuses(world, "2026-01-04") == ["registered", "trained", "rejected"]
    story = read_drop(world.workspace, "ops", "2026-01-04")
    assert story is not None
    assert (story.latest.document, story.latest.by) == (refused["decision"], "d/manual__1")
    assert story.latest.fingerprint == "sha256:2026-01-04"
    record = read_decision(world.workspace, refused["decision"])
    assert (record.request.by, record.request.settings.requests) == ("d/manual__1", 20)

    for given in (good, bad):
        removal = AzureMLDeleteServiceOperator(task_id="remove", candidate_of=LIVE, prepared=given)
        assert run(removal) == {"name": given["candidate_service"], "deleted": True}
        assert run(removal)["deleted"] is False
        with pytest.raises(NotFound):
            world.workspace.get_service(given["candidate_service"])


def test_a_model_of_older_data_is_not_deployed_and_the_ledger_says_so(world: GateWorld, champion: ModelVersion) -> None:
    given = prepared(world, "2026-01-01")
    model = world.model(world.train("honest"), drop_key="2026-01-01", drop_dataset="ops")
    for _ in range(2):
        with pytest.raises(AirflowSkipException, match="trained on data up to drop 2026-01-01"):
            run(deploy(given, model))
    assert statuses(world, "2026-01-01") == ["registered", "trained", "older"]
    with pytest.raises(NotFound):
        world.workspace.get_service(given["candidate_service"])
    left = DeploySettings(
        service_name=given["candidate_service"],
        model_name=model.name,
        model_version=model.version,
        tags={"candidate_of": LIVE},
    )
    world.workspace.deploy(left)  # as a killed execution leaves it behind
    with pytest.raises(AirflowSkipException):
        run(deploy(given, model))
    with pytest.raises(NotFound):
        world.workspace.get_service(given["candidate_service"])
    candidate = run(deploy(given, model, allow_older="true"))
    assert run(gate(candidate, given, allow_older="true"))["failed_checks"] == ["gain"]
    run(AzureMLDeleteServiceOperator(task_id="remove", service=candidate))


def test_a_model_of_no_drop_is_judged_by_a_holdout_that_is_named(world: GateWorld, champion: ModelVersion) -> None:
    model = world.model(world.train("honest"), drop_dataset="", drop_key="")
    operator = AzureMLDeployCandidateOperator(task_id="candidate", model=automl(model), service=LIVE, poll_seconds=0.1)
    candidate = run(operator)
    assert candidate["name"].startswith("gate-live-c-")
    holdout = {"holdout": world.holdout.name, "label_column_name": LABEL}
    quick = {"requests": 20, "max_p95_ratio": None}
    judge = AzureMLGateOperator(task_id="gate", candidate=candidate, service=LIVE, **quick, **holdout)
    assert run(judge)["verdict"] == "promote"
    assert judge.pushed_links["azureml_decision_url"].endswith("#decisions")
    removal = AzureMLDeleteServiceOperator(task_id="remove", candidate_of=LIVE, model=automl(model))
    assert run(removal) == {"name": candidate["name"], "deleted": True}


def test_only_candidates_are_removed_and_nothing_is_no_error(world: GateWorld, champion: ModelVersion) -> None:
    with pytest.raises(InvalidRequest, match="gate-live was not deployed as a candidate, so clients may use it"):
        run(AzureMLDeleteServiceOperator(task_id="remove", service=LIVE))
    for nothing in ({"service": None}, {"candidate_of": LIVE, "prepared": None}, {"service": "gate-never-was"}):
        assert run(AzureMLDeleteServiceOperator(task_id="remove", **nothing))["deleted"] is False
    with pytest.raises(InvalidRequest, match="give one of them"):
        run(AzureMLDeleteServiceOperator(task_id="remove", service="gate-x", candidate_of=LIVE))
    assert world.workspace.get_service(LIVE).model_name == champion.name
    assert run(AzureMLDeleteServiceOperator(task_id="remove", service=LIVE, any_service=True))["deleted"] is True


def test_a_candidate_that_does_not_come_up_is_not_left_behind(
    world: GateWorld, champion: ModelVersion, local_server: LocalServer
) -> None:
    given = prepared(world, "2026-01-05")
    model = world.model(world.train("honest"), drop_key="2026-01-05", drop_dataset="ops")
    package = local_server.home / "models" / model.name / str(model.version) / "model.onnx"
    package.chmod(0o644)
    package.write_bytes(b"no model")
    with pytest.raises(AirflowFailException, match="is Failed"):
        run(deploy(given, model))
    with pytest.raises(NotFound):
        world.workspace.get_service(given["candidate_service"])


def test_a_service_that_clients_may_use_never_becomes_a_candidate(world: GateWorld, champion: ModelVersion) -> None:
    given = prepared(world, "2026-01-06")
    model = world.model(world.train("honest"), drop_key="2026-01-06", drop_dataset="ops")
    other = world.serve(model)
    for name, words in (
        (LIVE, "are both 'gate-live'"),
        (other.name, f"{other.name} that is no candidate of gate-live"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            run(deploy(given, model, service_name=name))
    assert world.workspace.get_service(LIVE).model_name == champion.name
