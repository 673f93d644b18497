"""Pipelines that come in through Azure's REST: what is half written when it is refused, cut off or sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.control_plane.pipeline_parts import Pipelines, definition

from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.pipelines import published, submission
from azureml_local.azure_api.pipelines.compiling import Compiled
from azureml_local.azure_api.pipelines.endpoints import PipelineEndpoints
from azureml_local.azure_api.pipelines.graphs import origin_of, remember_origin
from azureml_local.azure_api.pipelines.submission import Submissions
from azureml_local.azure_api.surface import Surface
from azureml_local.store.pipelines import UNPUBLISHED, PipelineStore
from azureml_workspace.errors import Conflict, NotFound
from azureml_workspace.records import PublishedPipeline
from azureml_workspace.statuses import PipelineStatus

pytestmark = pytest.mark.unit


@pytest.fixture
def surface(tmp_path: Path, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surface]:
    """The engine's pipelines below; every graph is that of `definition`."""

    def compiled(*_: object, **__: object) -> Compiled:
        return Compiled(definition=definition(), graph={}, nodes=())

    monkeypatch.setattr(published, "compile_graph", compiled)
    monkeypatch.setattr(submission, "compile_graph", compiled)
    documents = Documents(tmp_path / "documents.db")
    workspace = SimpleNamespace(pipelines=pipelines.manager)
    addresses = SimpleNamespace(service=lambda name: f"http://{name}")
    yield cast(Surface, SimpleNamespace(documents=documents, workspace=workspace, addresses=addresses))
    documents.close()


def test_an_endpoint_that_is_refused_is_not_there(surface: Surface, pipelines: Pipelines) -> None:
    remember_origin(surface.documents, "p", {"GraphId": "g"})
    pipelines.published.add(definition(), "p")
    pipelines.published.set_status("p", PipelineStatus.DISABLED)
    endpoints = PipelineEndpoints(surface)
    body = {"Name": "bank", "PipelineId": "p"}
    with pytest.raises(Conflict, match="Disabled"):
        endpoints.create(body)
    assert endpoints.list_all() == []
    pipelines.published.set_status("p", PipelineStatus.ACTIVE)
    assert endpoints.create(body)["PipelineVersionList"] == [{"Version": "0", "PipelineId": "p"}]


def test_a_publication_that_is_cut_off_never_looks_native(
    surface: Surface, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    add = PipelineStore.add

    def last_words(*arguments: Any) -> PublishedPipeline:
        add(*arguments)
        raise Killed

    monkeypatch.setattr(PipelineStore, "add", last_words)
    with pytest.raises(Killed):
        published._publish(surface, {"Graph": {}})
    (left,) = pipelines.published.list_all()
    assert origin_of(surface.documents, left.pipeline_id) is not None
    assert PipelineEndpoints(surface).list_all() == []


def test_a_created_run_that_two_submit_at_once_is_submitted_once(
    surface: Surface, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    submissions = Submissions(surface, PipelineEndpoints(surface))
    run_id = submissions.create({"Graph": {}}, "retrain")["Id"]
    with monkeypatch.context() as patched:
        patched.setattr(pipelines.manager.runs, "find", lambda _: None)  # neither sees the other's
        submissions.submit(run_id)
        submissions.submit(run_id)
    submissions.submit(run_id)
    assert [run.run_id for run in pipelines.pipeline_runs.list_all()] == [run_id]
    pipelines.published.find(UNPUBLISHED, 1)
    with pytest.raises(NotFound):
        pipelines.published.find(UNPUBLISHED, 2)
