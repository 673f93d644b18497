"""Where the objects of this workspace can be looked at. Made when they are asked for: the port may change."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

PIPELINE_RUNS = "/pipelines/v1.0/PipelineRuns"
PIPELINE_SUBMIT = f"{PIPELINE_RUNS}/PipelineSubmit"
ENDPOINT_SUBMIT = f"{PIPELINE_RUNS}/PipelineEndpointSubmit/Id"
"""Azure's paths; below them stands the id of a pipeline run, a published pipeline, or a pipeline endpoint."""


@dataclass(frozen=True)
class Links:
    """Addresses below the server's own. They are routes of the API and want the bearer token."""

    base_url: str

    def profile(self, dataset: str, version: int) -> str:
        """A dataset version's profile."""
        return f"{self.base_url}/v1/datasets/{quote(dataset)}/versions/{version}/profile"

    def run(self, run_id: str) -> str:
        """A run."""
        return f"{self.base_url}/v1/runs/{quote(run_id)}"

    def pipeline(self, pipeline_id: str) -> str:
        """A published pipeline."""
        return f"{self.base_url}/v1/pipelines/{quote(pipeline_id)}"

    def pipeline_submit(self, pipeline_id: str) -> str:
        """Where one version of a pipeline is submitted."""
        return f"{self.base_url}{PIPELINE_SUBMIT}/{quote(pipeline_id)}"

    def endpoint_submit(self, endpoint_id: str) -> str:
        """Where the default version of a pipeline is submitted."""
        return f"{self.base_url}{ENDPOINT_SUBMIT}/{quote(endpoint_id)}"
