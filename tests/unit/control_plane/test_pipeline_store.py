"""Publishing: versions, the default, what is refused, and what a submission comes to."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.unit.control_plane.conftest import RegisterText
from tests.unit.control_plane.pipeline_parts import LABELLED, Pipelines, definition

from azureml_local.pipelines.manager import Submitted
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import PipelineSubmission, PublishedPipeline
from azureml_workspace.statuses import PipelineStatus, RunStatus

pytestmark = pytest.mark.unit


def versions(pipelines: Pipelines) -> list[tuple[int, bool]]:
    return [(pipeline.version, pipeline.is_default) for pipeline in pipelines.published.list_all("bank")]


def default(pipelines: Pipelines) -> PublishedPipeline:
    return pipelines.published.find("bank")


def submit_default(pipelines: Pipelines, key: str | None = None) -> Any:
    endpoint_id = default(pipelines).pipeline_endpoint.rsplit("/", 1)[1]
    return pipelines.manager.submit_default(endpoint_id, Submitted(submission=PipelineSubmission(), key=key))


def test_an_equal_definition_is_published_once_and_another_is_the_next_default(pipelines: Pipelines) -> None:
    first = pipelines.manager.publish(definition())
    assert (first.version, first.is_default, first.status) == (1, True, PipelineStatus.ACTIVE)
    assert pipelines.manager.publish(definition()) == first
    second = pipelines.manager.publish(definition(iterations=3))
    assert versions(pipelines) == [(2, True), (1, False)]
    assert second.pipeline_endpoint == first.pipeline_endpoint
    assert second.endpoint != first.endpoint
    # Version 1 has it, but is no longer the default.
    assert pipelines.manager.publish(definition()).version == 3


def test_a_disabled_default_stays_the_default_and_is_not_taken_for_published(pipelines: Pipelines) -> None:
    first = pipelines.manager.publish(definition())
    disabled = pipelines.manager.set_status(first.pipeline_id, PipelineStatus.DISABLED)
    assert (disabled.status, disabled.is_default) == (PipelineStatus.DISABLED, True)
    with pytest.raises(Conflict, match="default version 1 of pipeline 'bank' is Disabled; enable it, or make another"):
        submit_default(pipelines)
    with pytest.raises(Conflict, match="version 1 of pipeline 'bank' is Disabled"):
        pipelines.submit(pipeline_id=first.pipeline_id)
    second = pipelines.manager.publish(definition())
    assert second.version == 2
    with pytest.raises(Conflict, match="version 1 of pipeline 'bank' is Disabled; enable it before"):
        pipelines.published.set_default(first.pipeline_id)
    pipelines.manager.set_status(first.pipeline_id, PipelineStatus.ACTIVE)
    assert pipelines.published.set_default(first.pipeline_id).is_default
    assert versions(pipelines) == [(2, False), (1, True)]
    assert submit_default(pipelines).properties["pipeline_version"] == "1"


def test_publishing_from_many_threads_gives_one_version(pipelines: Pipelines) -> None:
    together = threading.Barrier(8)
    found: list[str] = []

    def work() -> None:
        together.wait()
        found.append(pipelines.manager.publish(definition()).pipeline_id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a b"}, "pipeline name 'a b'"),
        ({"model_name": ""}, "model name ''"),
        ({"experiment_name": "x"}, "experiment name 'x'"),
        ({"dataset_version": 0}, "dataset_version is 0"),
        ({"dataset_version": 9}, "version 9"),
        ({"dataset_name": "gone"}, "'gone'"),
        ({"label_column_name": "gone"}, "'gone'"),
        ({"exclude_columns": ["gone"]}, "'gone'"),
        ({"primary_metric": "luck"}, "'luck'"),
        ({"allowed_models": ["Oracle"]}, "'Oracle'"),
        ({"compute_target": "gpu"}, "'gpu'"),
        ({"experiment_timeout_minutes": 0}, "experiment_timeout_minutes"),
    ],
)
def test_what_cannot_work_is_not_published(pipelines: Pipelines, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        pipelines.manager.publish(definition(**changes))
    assert pipelines.published.list_all() == []


def test_what_is_not_there_is_not_found(pipelines: Pipelines) -> None:
    pipelines.manager.publish(definition())
    published = pipelines.published
    for ask in (
        lambda: published.get("nope"),
        lambda: published.find("nope"),
        lambda: published.find("bank", 2),
        lambda: published.set_status("nope", PipelineStatus.ACTIVE),
        lambda: published.set_default("nope"),
        lambda: published.default_of("nope"),
        lambda: pipelines.submit(pipeline_id="nope"),
    ):
        with pytest.raises(NotFound, match=r"GET /v1/pipelines|publish it first"):
            ask()


def test_latest_is_the_version_that_is_there_at_the_submission(pipelines: Pipelines, register: RegisterText) -> None:
    first = pipelines.submit()
    register(LABELLED + "60,yes\n")
    second, third = pipelines.submit(), pipelines.submit(dataset_version="1")
    found = [pipelines.pipeline_runs.find(run.run_id) for run in (first, second, third)]
    assert [run.properties["dataset"] for run in (first, second, third)] == ["people:1", "people:2", "people:1"]
    assert [stored and stored.settings.dataset_version for stored in found] == [1, 2, 1]


def test_a_submission_that_cannot_work_makes_no_run(pipelines: Pipelines, register: RegisterText) -> None:
    pipelines.manager.publish(definition())
    for parameters, words in (
        ({"iteration": "3"}, "'iteration'; it has dataset_version, experiment_timeout_minutes, iterations"),
        ({"iterations": "three"}, "'three'; give a whole number"),
        ({"iterations": "0"}, "iterations is 0"),
        ({"experiment_timeout_minutes": "nan"}, "experiment_timeout_minutes"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            pipelines.submit(**parameters)
    with pytest.raises(InvalidRequest, match="version 7"):
        pipelines.submit(dataset_version="7")
    register("x,y\n" + "1,yes\n" * 60)
    with pytest.raises(InvalidRequest, match="one class only"):
        pipelines.submit()
    assert pipelines.pipeline_runs.list_all() == []


def test_a_key_finds_its_run_until_that_is_lost_and_no_key_makes_a_run_each_time(pipelines: Pipelines) -> None:
    run = pipelines.submit("key")
    assert pipelines.submit("key").run_id == run.run_id
    assert len({pipelines.submit().run_id for _ in range(3)}) == 3
    # Also when the pipeline was disabled since: the caller asks after a run that was accepted.
    pipelines.manager.set_status(run.properties["pipeline_id"], PipelineStatus.DISABLED)
    assert pipelines.submit("key", run.properties["pipeline_id"]).run_id == run.run_id
    assert submit_default(pipelines, "key").run_id == run.run_id
    pipelines.manager.set_status(run.properties["pipeline_id"], PipelineStatus.ACTIVE)
    pipelines.manager.cancel(run.run_id)
    anew = pipelines.submit("key")
    assert anew.run_id != run.run_id
    assert pipelines.look(run.run_id).status is RunStatus.CANCELED
    assert pipelines.submit("key").run_id == anew.run_id
