"""Variants of published pipelines: which are found, made and disabled."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.published import Entity, Origin
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.records import AutoMLConfig, PipelineDefinition
from azureml_workspace.statuses import PipelineStatus

pytestmark = pytest.mark.unit

DEFINITION = PipelineDefinition(
    name="retrain",
    automl=AutoMLConfig(dataset_name="shop", label_column_name="bought"),
    model_name="shop",
    experiment_name="retrain",
)


class FakePipelines:
    """The pipelines service as far as it publishes; it answers a change of status with words and no JSON."""

    def __init__(self) -> None:
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[str, str]] = []
        self.is_down = False
        self.rest = SimpleNamespace(call=self._change_status)
        self.sdk = SimpleNamespace(call=self._publish)

    def url(self, _: str, path: str) -> str:
        return path

    def portal_url(self, path: str) -> str:
        return path

    def json(self, method: str, _: str, path: str, *, query: Any = None) -> Any:
        self.sent.append((method, path))
        assert method == "GET"
        if path == "/Pipelines":
            all_of_them = query["activeOnly"] == "false"
            return [one for one in self.pipelines.values() if all_of_them or one["EntityStatus"] == "Active"]
        if path == "/PipelineEndpoints/Name":
            return {"Id": "e", "Url": "u"}
        return self.pipelines[path.rsplit("/", 1)[1]]

    def active(self) -> list[str]:
        return [key for key, one in self.pipelines.items() if one["EntityStatus"] == "Active"]

    def _change_status(self, method: str, path: str, *, body: str) -> str:
        self.sent.append((method, path))
        if self.is_down:
            raise ServiceUnavailable("busy")
        self.pipelines[path.split("/")[2]]["EntityStatus"] = body
        return "done"

    def _publish(self, _: str, arguments: dict[str, Any], *, seconds: float) -> str:
        key = f"p{len(self.pipelines) + 1}"
        self.pipelines[key] = {
            "Id": key, "Name": arguments["name"], "Version": arguments["version"], "EntityStatus": "Active",
            "Url": f"/{key}", "CreatedDate": "2026-01-01T00:00:00+00:00", "Description": arguments["description"],
        }  # fmt: skip
        return key


class World:
    """A workspace with one published pipeline, `p1`."""

    def __init__(self) -> None:
        self.azure = FakePipelines()
        self.workspace = AzureWorkspace(cast(AzureConnection, self.azure))
        self.base = self.workspace._publish(Origin(definition=DEFINITION, dataset_version=1), "retrain", "1")

    def variant(self, data: int, *, iterations: int | None = None, follows_latest: bool = True) -> Entity:
        definition = replace(DEFINITION, dataset_version=data, automl=replace(DEFINITION.automl, iterations=iterations))
        origin = Origin(definition=definition, dataset_version=data, variant_of=self.base.pipeline_id)
        return self.workspace._variant(self.base, origin, follows_latest=follows_latest)


@pytest.fixture
def world() -> World:
    return World()


def test_variants_with_older_data_are_disabled_but_for_the_last(world: World) -> None:
    limits = world.variant(2, iterations=7)
    second, third = world.variant(2), world.variant(3)
    assert world.azure.active() == ["p1", limits.pipeline_id, second.pipeline_id, third.pipeline_id]
    fourth = world.variant(4)
    assert world.azure.active() == ["p1", limits.pipeline_id, third.pipeline_id, fourth.pipeline_id]


def test_one_that_was_disabled_is_enabled_when_it_is_wanted_again(world: World) -> None:
    second = world.variant(2)
    world.variant(3)
    world.variant(4)
    assert second.pipeline_id not in world.azure.active()
    assert world.variant(2, follows_latest=False).pipeline_id == second.pipeline_id
    assert second.pipeline_id in world.azure.active()


def test_who_asks_for_a_version_of_the_data_disables_nothing(world: World) -> None:
    for data in (2, 3, 4):
        world.variant(data, follows_latest=False)
    assert world.azure.active() == ["p1", "p2", "p3", "p4"]


def test_a_variant_that_is_there_is_found_among_the_active_ones(world: World) -> None:
    second = world.variant(2)
    world.azure.sent.clear()
    assert world.variant(2) == second
    assert world.azure.sent == [("GET", "/Pipelines")]


def test_a_submission_does_not_fail_because_nothing_can_be_disabled(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.variant(2)
    world.variant(3)
    world.azure.is_down = True
    with caplog.at_level(logging.WARNING):
        world.variant(4)
    assert len(world.azure.active()) == 4
    assert "retrain.v1." in caplog.text
    assert "busy" in caplog.text
    world.azure.is_down = False
    world.variant(5)
    assert world.azure.active() == ["p1", "p4", "p5"], "what was left over then is disabled with the next"


def test_a_change_of_status_needs_no_json(world: World) -> None:
    changed = world.workspace.set_pipeline_status("p1", PipelineStatus.DISABLED)
    assert changed.status is PipelineStatus.DISABLED
    assert changed.portal_url == "/pipelines/p1", "as the SDK links to it"
