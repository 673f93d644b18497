from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest
import requests
from tests.contract.conftest import Trained, settle

from azureml_endpoint.contract import ServiceContract
from azureml_endpoint.errors import KeyRefused
from azureml_endpoint.score import PURPOSE_HEADER, ScoringClient
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DeploySettings, WebService
from azureml_workspace.statuses import SETTLED_SERVICE_STATES, ServiceState

pytestmark = pytest.mark.contract

ROWS = [{"visits": 20, "colour": "red", "price": 0.5}, {"visits": 0, "colour": "blue", "price": 0.5}]


def settings(trained: Trained, **given: Any) -> DeploySettings:
    deployment = DeploySettings(
        service_name="contract-svc", model_name=trained.model.name, model_version=trained.model.version
    )
    return replace(deployment, **given)


def deployed(workspace: Workspace, deployment: DeploySettings) -> WebService:
    service = workspace.deploy(deployment)
    assert service.state in {ServiceState.TRANSITIONING, ServiceState.HEALTHY}
    return settle(lambda: workspace.get_service(service.name), lambda seen: seen.state in SETTLED_SERVICE_STATES)


@pytest.fixture
def service(workspace: Workspace, trained: Trained) -> Iterator[WebService]:
    """A healthy service as deployed by default."""
    workspace.delete_service("contract-svc")
    yield deployed(workspace, settings(trained, tags={"stage": "test"}))
    workspace.delete_service("contract-svc")


def score(service: WebService, key: str | None, rows: list[dict[str, Any]] = ROWS) -> tuple[Any, ...]:
    with ScoringClient(service.scoring_uri, key) as client:
        return client.score(rows).result


def test_deploy(workspace: Workspace, trained: Trained, service: WebService) -> None:
    assert service.state is ServiceState.HEALTHY
    assert (service.name, service.model_name, service.model_version) == ("contract-svc", trained.model.name, 1)
    assert (service.auth_enabled, service.app_insights_enabled, service.error) == (True, False, "")
    assert service.response_format == "string"
    assert service.tags == {"stage": "test"}
    assert service.scoring_uri.endswith("/score")
    assert [seen.name for seen in workspace.list_services()].count("contract-svc") == 1
    assert score(service, workspace.service_keys(service.name).primary) == ("yes", "no")
    assert set(ServiceContract.fetch(service.scoring_uri, swagger_uri=service.swagger_uri).columns) >= set(ROWS[0])


def test_deploying_the_same_again_changes_nothing(workspace: Workspace, trained: Trained, service: WebService) -> None:
    keys = workspace.service_keys(service.name)
    again = deployed(workspace, settings(trained, tags={"stage": "test"}))
    assert (again.scoring_uri, again.created_at) == (service.scoring_uri, service.created_at)
    assert workspace.service_keys(service.name) == keys


def test_update_in_place(workspace: Workspace, trained: Trained, service: WebService) -> None:
    key = workspace.service_keys(service.name).primary
    other = workspace.register_model("contract-update", trained.run.run_id)
    updated = deployed(workspace, settings(trained, model_name=other.name, response_format="object"))
    assert updated.state is ServiceState.HEALTHY
    assert (updated.model_name, updated.response_format) == ("contract-update", "object")
    assert updated.scoring_uri == service.scoring_uri
    with ScoringClient(updated.scoring_uri, key) as client:
        answer = client.score(ROWS)
    assert (answer.result, answer.response_format) == (("yes", "no"), "object")


def test_keys(workspace: Workspace, service: WebService) -> None:
    keys = workspace.service_keys(service.name)
    assert len({keys.primary, keys.secondary}) == 2
    assert score(service, keys.secondary)
    for wrong in ("not-the-key", None):
        with pytest.raises(KeyRefused):
            score(service, wrong)
    renewed = workspace.regenerate_key(service.name)
    assert renewed.primary != keys.primary
    assert renewed.secondary == keys.secondary
    assert workspace.service_keys(service.name) == renewed

    def old_is_refused() -> bool:
        try:
            score(service, keys.primary)
        except KeyRefused:
            return True
        return False

    settle(old_is_refused, bool, seconds=10)
    assert score(service, renewed.primary)
    assert score(service, renewed.secondary)
    assert workspace.regenerate_key(service.name, secondary=True).primary == renewed.primary


def test_a_service_without_authentication_has_no_keys(workspace: Workspace, trained: Trained) -> None:
    open_service = deployed(workspace, settings(trained, service_name="contract-open", auth_enabled=False))
    try:
        assert open_service.auth_enabled is False
        assert score(open_service, None) == ("yes", "no")
        with pytest.raises(NotFound):
            workspace.service_keys("contract-open")
    finally:
        workspace.delete_service("contract-open")


def test_application_insights(workspace: Workspace, service: WebService) -> None:
    key = workspace.service_keys(service.name).primary
    score(service, key)
    off = workspace.service_requests(service.name)
    assert (off.enabled, off.count, off.p50_ms) == (False, 0, None)

    workspace.set_app_insights(service.name, enabled=True)
    on = settle(lambda: workspace.get_service(service.name), lambda seen: seen.state in SETTLED_SERVICE_STATES)
    assert on.app_insights_enabled is True
    score(service, key)
    score(service, key, [{**ROWS[0], "colour": "ultraviolet"}])
    with pytest.raises(InvalidRequest, match="visits"):
        score(service, key, [{"colour": "red", "price": 1.0}])
    seen = settle(lambda: workspace.service_requests(service.name), lambda summary: summary.count >= 3)
    assert (seen.enabled, seen.count, seen.failed, seen.unseen_categories) == (True, 3, 1, 1)
    assert seen.by_status == {"200": 2, "400": 1}
    assert seen.p50_ms is not None
    assert workspace.service_requests(service.name, since_seconds=3600).count == 3

    workspace.set_app_insights(service.name, enabled=False)
    settle(lambda: workspace.get_service(service.name), lambda now: now.state in SETTLED_SERVICE_STATES)
    score(service, key)
    assert workspace.get_service(service.name).app_insights_enabled is False
    assert workspace.service_requests(service.name).count == 3


def test_a_sample_of_the_inputs(workspace: Workspace, trained: Trained, service: WebService) -> None:
    key = workspace.service_keys(service.name).primary

    def sent(purpose: str | None, price: float) -> None:
        headers = {"Authorization": f"Bearer {key}"} | ({} if purpose is None else {PURPOSE_HEADER: purpose})
        body = {"data": [{**ROWS[0], "price": price}]}
        assert requests.post(service.scoring_uri, json=body, headers=headers, timeout=30).status_code == 200

    sent(None, 0.1)
    nothing = workspace.service_inputs(service.name, since_seconds=3600)
    assert (nothing.collecting, nothing.rows) == (False, ())

    workspace.set_app_insights(service.name, enabled=True)
    settle(lambda: workspace.get_service(service.name), lambda seen: seen.state in SETTLED_SERVICE_STATES)
    sent("gate", 0.2)
    sent(None, 0.3)
    sent("client", 0.4)
    sample = settle(
        lambda: workspace.service_inputs(service.name, since_seconds=3600),
        lambda found: len(found.rows) >= 2 and found.scored >= 3,
    )
    assert sample.rows == ({**ROWS[0], "price": 0.4}, {**ROWS[0], "price": 0.3})
    assert (sample.collecting, sample.scored) == (True, 3)
    assert len(workspace.service_inputs(service.name, since_seconds=3600, limit=1).rows) == 1

    private = deployed(workspace, settings(trained, collect_inputs=False))
    assert (private.collect_inputs, private.app_insights_enabled) == (False, True)
    sent(None, 0.5)
    settle(lambda: workspace.service_requests(service.name), lambda summary: summary.count >= 4)
    assert workspace.service_inputs(service.name, since_seconds=3600) == replace(
        sample, collecting=False, scored=4, since=ANY
    )


def test_logs(workspace: Workspace, service: WebService) -> None:
    text = workspace.service_logs(service.name)
    assert text.strip()
    assert len(workspace.service_logs(service.name, tail=1).strip().splitlines()) == 1
    keys = workspace.service_keys(service.name)
    assert keys.primary not in text


def test_delete(workspace: Workspace, service: WebService) -> None:
    workspace.delete_service(service.name)
    with pytest.raises(NotFound):
        workspace.get_service(service.name)
    assert service.name not in [seen.name for seen in workspace.list_services()]
    workspace.delete_service(service.name)


@pytest.mark.parametrize("name", ["My_Service", "ab", "1abc", "abc-", "a" * 33, "", "a/b"])
def test_names_that_azure_would_refuse(workspace: Workspace, trained: Trained, name: str) -> None:
    with pytest.raises(InvalidRequest):
        workspace.deploy(settings(trained, service_name=name))


@pytest.mark.parametrize("given", [{"model_name": "contract-nobody"}, {"model_version": 99}])
def test_unknown_model(workspace: Workspace, trained: Trained, given: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        workspace.deploy(settings(trained, service_name="contract-none", **given))
    with pytest.raises(NotFound):
        workspace.get_service("contract-none")


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.get_service("nobody"),
        lambda w: w.set_app_insights("nobody", enabled=True),
        lambda w: w.service_logs("nobody"),
        lambda w: w.service_requests("nobody"),
        lambda w: w.service_inputs("nobody", since_seconds=60),
        lambda w: w.service_keys("nobody"),
        lambda w: w.regenerate_key("nobody"),
    ],
)
def test_unknown_service(workspace: Workspace, call: Callable[[Workspace], object]) -> None:
    with pytest.raises(NotFound):
        call(workspace)
