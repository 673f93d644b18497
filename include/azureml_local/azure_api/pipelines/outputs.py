"""What the nodes of a pipeline run made: the best model, the metrics of all trials, logs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering
from azureml_local.azure_api.datastores import DEFAULT_DATASTORE
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.graphs import nodes_of
from azureml_local.azure_api.pipelines.nodes import require_node
from azureml_local.azure_api.pipelines.runs import require_run
from azureml_local.azure_api.storage import DATA
from azureml_local.azure_api.surface import Surface
from azureml_local.files import tail_lines
from azureml_local.jobs.files import LOG_FILE
from azureml_local.pipelines.files import STEP_LOG
from azureml_workspace.errors import NotFound
from azureml_workspace.records import StepRun
from azureml_workspace.statuses import RunStatus
from azureml_workspace.texts import shown

MODEL, METRICS = "Model", "Metrics"
"""Kinds of the SDK's `TrainingOutput`."""
_MODEL_FILE = "outputs/model.pkl"
_LOGS = {"joblog": STEP_LOG, "stdout": LOG_FILE}
"""By the last part of the address. What a job writes to its standard error is in the log of its output."""
_MOST_LINES = 5000


def routes(surface: Surface) -> list[Route]:
    """`Outputs`, `PipelineRunOutputs` and the logs of nodes."""

    def node_outputs(request: Request, body: Any) -> Document:
        node, step = require_node(surface, request.path_params["id"], body)
        return {port: _output(surface, step, port, kind) for port, kind in node.outputs.items()}

    def pipeline_output(request: Request) -> Response:
        run_id, name = request.path_params["id"], request.path_params["name"]
        found = require_run(surface, run_id)
        for step, node in nodes_of(surface.documents, found.pipeline_id).items():
            if name in node.pipeline_outputs and found.has_step(step):
                kind = node.pipeline_outputs[name]
                return JSONResponse(_output(surface, found.step(step), name, kind))
        raise NotFound(f"pipeline run {run_id} has no output {shown(name)}.")

    def log(request: Request, body: Any) -> Response:
        _, step = require_node(surface, request.path_params["id"], body)
        file = _LOGS.get(request.path_params["kind"].lower())
        lines = tail_lines(surface.workspace.home.run(step.run_id) / file, _MOST_LINES) if file and step.run_id else []
        return PlainTextResponse("\n".join(lines))

    return [
        Route("/pipelines/PipelineRuns/{id}/Outputs", answering(node_outputs), methods=["POST"]),
        Route("/pipelines/PipelineRuns/{id}/PipelineRunOutputs/{name}", pipeline_output),
        Route("/pipelines/PipelineRuns/{id}/Graph/Shareable/{kind}", answering(log), methods=["POST"]),
    ]


def _output(surface: Surface, step: StepRun, name: str, kind: str) -> Document:
    """Azure's NodeOutput: a file in the default datastore, put there when it is first asked for."""
    location = None
    if step.status is RunStatus.COMPLETED and step.run_id is not None:
        path = f"azureml/{step.run_id}/{name}"
        if surface.storage.find(DATA, path) is None:
            _put(surface, step.run_id, path, kind)
        location = {
            "StorageType": "AzureBlob",
            "DataReference": {
                "Type": "AzureBlob",
                "AzureBlobReference": {"AmlDataStoreName": DEFAULT_DATASTORE, "RelativePath": path, "Container": DATA},
            },
        }
    return {"DataTypeId": "AnyFile", "DataLocation": location}


def _put(surface: Surface, run_id: str, path: str, kind: str) -> None:
    folder = surface.workspace.home.run(run_id)
    if kind == MODEL:
        surface.storage.add_file(DATA, path, folder / _MODEL_FILE)
        return
    children = surface.workspace.runs.children(run_id)
    # A list for each value, as Azure has it, so that pandas makes one column of every trial.
    metrics = {
        child.run_id: {name: [value] for name, value in child.metrics.items()} for child in children if child.metrics
    }
    _put_bytes(surface, path, msgspec.json.encode(metrics))


def _put_bytes(surface: Surface, path: str, content: bytes) -> None:
    with TemporaryDirectory(dir=surface.folder) as folder:
        file = Path(folder) / "content"
        file.write_bytes(content)
        surface.storage.add_file(DATA, path, file)
