"""The part of the local adapter that is about pipelines."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.local.answers import record, run_path
from azureml_workspace.local.client import ControlPlane
from azureml_workspace.records import (
    PipelineDefinition,
    PipelineResult,
    PipelineSubmission,
    PublishedPipeline,
    Run,
    StepRun,
)
from azureml_workspace.segments import segment
from azureml_workspace.statuses import PipelineStatus

_SUBMIT_PATHS = (
    "/pipelines/v1.0/PipelineRuns/PipelineSubmit/",
    "/pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Id/",
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443}


class _Origin(NamedTuple):
    """Scheme, host and port; the names of this machine's loopback are one."""

    scheme: str
    host: str
    port: int | None


class PipelineCalls:
    """See `azureml_workspace.protocol.Workspace`, section Pipelines, for what each method promises."""

    def __init__(self, server: ControlPlane) -> None:
        self._server = server

    def publish_pipeline(self, definition: PipelineDefinition) -> PublishedPipeline:
        """Publish the next version, or find the default one that is this."""
        definition.validate()
        return record(PublishedPipeline, self._server.json("POST", "/v1/pipelines", body=definition.to_dict()))

    def get_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        """Read one published version."""
        return record(PublishedPipeline, self._get(_pipeline(pipeline_id)))

    def find_pipeline(self, name: str, version: int | None = None) -> PublishedPipeline:
        """Read one version of a name."""
        path = f"/v1/pipeline-endpoints/{segment('pipeline', name)}"
        return record(PublishedPipeline, self._get(path, version=version))

    def list_pipelines(self, name: str | None = None) -> list[PublishedPipeline]:
        """Read all published versions."""
        return [record(PublishedPipeline, pipeline) for pipeline in self._get("/v1/pipelines", name=name)]

    def set_pipeline_status(self, pipeline_id: str, status: PipelineStatus) -> PublishedPipeline:
        """Enable or disable one version."""
        path = f"{_pipeline(pipeline_id)}/status"
        return record(PublishedPipeline, self._server.json("PUT", path, body={"status": status.value}))

    def set_default_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        """Choose what the pipeline endpoint submits."""
        return record(PublishedPipeline, self._server.json("POST", f"{_pipeline(pipeline_id)}/default"))

    def submit_pipeline(self, endpoint: str, submission: PipelineSubmission, *, submission_key: str) -> Run:
        """Post Azure's own body to the endpoint's path, on the server that this connection is to."""
        if not submission_key.strip():
            raise InvalidRequest("submission_key is empty; give the same key again when you repeat a submission.")
        path = self._submit_path(endpoint)
        body: dict[str, Any] = {
            "ParameterAssignments": submission.parameters,
            "RunSource": submission.run_source,
            "Properties": {"submission_key": submission_key},
        }
        if submission.experiment_name is not None:
            body["ExperimentName"] = submission.experiment_name
        entity = self._server.json("POST", path, body=body)
        return record(Run, self._get(run_path(str(entity["Id"]))))

    def list_step_runs(self, run_id: str) -> list[StepRun]:
        """Read the steps of a pipeline run."""
        return [record(StepRun, step) for step in self._get(f"{run_path(run_id)}/steps")]

    def pipeline_result(self, run_id: str) -> PipelineResult:
        """Read what a pipeline run made."""
        return record(PipelineResult, self._get(f"{run_path(run_id)}/pipeline-result"))

    def _get(self, path: str, **query: Any) -> Any:
        return self._server.json("GET", path, query=query)

    def _submit_path(self, endpoint: str) -> str:
        """The path of an endpoint of this workspace.

        The server may know itself by another name than this connection calls it by (127.0.0.1 and a host's name), so
        it is asked for the one that its links begin with. Whatever the endpoint says, the token goes to no other host
        than the connection's.

        :raises InvalidRequest: the address is not one of this workspace's.
        """
        origin, given_path = _split(endpoint)
        prefix = next((known for known in _SUBMIT_PATHS if given_path.startswith(known)), None)
        if prefix is None:
            raise InvalidRequest(
                f"the path {given_path!r} is not that of a published pipeline's endpoint; give the `endpoint` or the "
                "`pipeline_endpoint` of one."
            )
        path = prefix + segment("pipeline", given_path.removeprefix(prefix))
        if origin != _split(self._server.url)[0] and origin != _split(str(self._get("/v1/workspace")["url"]))[0]:
            raise InvalidRequest(
                f"the endpoint at {origin.host}:{origin.port} is not one of this workspace, which is at "
                f"{self._server.url}; find the pipeline there by its name."
            )
        return path


def _pipeline(pipeline_id: str) -> str:
    return f"/v1/pipelines/{segment('pipeline', pipeline_id)}"


def _split(url: str) -> tuple[_Origin, str]:
    """Where a URL leads, and its path. One that is none leads nowhere."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # half an IPv6 address, or a port that cannot be
        return _Origin("", "", None), ""
    return _Origin(parts.scheme, "127.0.0.1" if host in _LOOPBACK else host, port), parts.path
