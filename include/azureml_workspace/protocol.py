"""The seam: everything this project asks of an Azure ML workspace, whichever adapter answers.

Rules every adapter keeps, and the contract tests hold it to:

* calls are short (they never wait for a run or a deployment to end) and safe to repeat;
* a submission key that was used before returns the run that exists, unless that run failed or was cancelled;
* errors are those of `azureml_workspace.errors`, never the SDK's or the HTTP library's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from azureml_workspace.data.profile import DataProfile
from azureml_workspace.records import (
    AutoMLProgress,
    AutoMLResult,
    AutoMLSettings,
    ChildRun,
    ComputeTarget,
    DatasetFile,
    DatasetSource,
    DatasetVersion,
    DeploySettings,
    Document,
    DocumentEntry,
    InputSample,
    ModelVersion,
    PipelineDefinition,
    PipelineResult,
    PipelineSubmission,
    PublishedPipeline,
    RequestSummary,
    Run,
    ServiceKeys,
    StepRun,
    WebService,
)
from azureml_workspace.statuses import PipelineStatus


class Workspace(Protocol):
    """An Azure ML workspace."""

    def ping(self) -> str:
        """One line that says which workspace answered. :raises Unauthorized, ServiceUnavailable:"""
        ...

    def reopened(self, *, connect_timeout: float, read_timeout: float, retry_seconds: float) -> Workspace:
        """The same workspace over connections of its own, with these limits (see `WorkspaceSettings`).

        What this one knows already, its sign-in and where its services are, is not asked again. Nothing is sent yet.
        """
        ...

    # Datasets

    def register_dataset(
        self, name: str, source: DatasetSource, *, tags: Mapping[str, str] | None = None
    ) -> DatasetVersion:
        """Register the file's content as the next version of `name`, or find the version that holds it already.

        The same bytes, read with the same separator and encoding, are the same content. `tags` are added to those of a
        version that is found: a tag of the same name gets the new value, the others stay.

        :raises InvalidRequest: the file is missing, empty or cannot be read as delimited text.
        """
        ...

    def get_dataset(self, name: str, version: int | None = None) -> DatasetVersion:
        """One version, the latest when `version` is None. :raises NotFound:"""
        ...

    def take_rows(self, name: str, version: int, count: int) -> list[dict[str, Any]]:
        """The first `count` rows as JSON values, label included (Azure's `TabularDataset.take`)."""
        ...

    def list_dataset_versions(self, name: str) -> list[DatasetVersion]:
        """Every version of `name`, the oldest first; none when there is no such dataset.

        Versions that were registered by other means, of which an adapter knows neither rows nor kinds, are left out.
        """
        ...

    def list_dataset_names(self) -> list[str]:
        """The name of every dataset, in order."""
        ...

    def dataset_profile(self, name: str, version: int) -> DataProfile:
        """What was found in a version's rows when it was registered. :raises NotFound:"""
        ...

    def download_dataset(self, name: str, version: int, folder: Path) -> DatasetFile:
        """Fetch a version's rows as a file in `folder`, which exists: whole, or not at all. A second time replaces it.

        :raises NotFound: :raises StorageFull:
        """
        ...

    # Compute and runs

    def ensure_compute(self, target: ComputeTarget) -> ComputeTarget:
        """Find the compute target by name, or create it as described. An existing one is returned as it is."""
        ...

    def submit_automl(self, settings: AutoMLSettings, *, submission_key: str) -> Run:
        """Submit an AutoML run, or find the one that this key submitted.

        :raises InvalidRequest: settings or data cannot work (unknown metric or model, one class only, ...).
        :raises NotFound: no such dataset version or compute target.
        """
        ...

    def get_run(self, run_id: str) -> Run:
        """:raises NotFound:"""
        ...

    def find_run(self, submission_key: str) -> Run | None:
        """The AutoML or pipeline run that submitting this key again would find; None when it would submit a new one."""
        ...

    def list_child_runs(self, run_id: str) -> list[ChildRun]:
        """Every trial so far, by iteration. :raises NotFound:"""
        ...

    def automl_progress(self, run_id: str) -> AutoMLProgress:
        """How far the run is. :raises NotFound:"""
        ...

    def automl_result(self, run_id: str) -> AutoMLResult:
        """:raises RunFailed: it ended without one. :raises Conflict: it is still running. :raises NotFound:"""
        ...

    def cancel_run(self, run_id: str) -> Run:
        """Ask for the run to stop; a run that has ended is returned as it is. :raises NotFound:"""
        ...

    def list_run_files(self, run_id: str) -> list[str]:
        """Paths of the run's files, relative, sorted (`outputs/...`, `logs/...`). :raises NotFound:"""
        ...

    def read_run_file(self, run_id: str, path: str) -> bytes:
        """The content of one of the run's files. :raises NotFound:"""
        ...

    def run_log(self, run_id: str, path: str, *, tail: int = 200) -> str:
        """The last `tail` lines of one of the run's logs, for who reads it again and again. :raises NotFound:"""
        ...

    # Models

    def register_model(self, name: str, run_id: str, *, tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Register the best model of a completed run; registering the same run again finds that version.

        `tags` are added to those of a version that is found, as `register_dataset` does.

        :raises RunFailed: the run has no model. :raises NotFound:
        """
        ...

    def get_model(self, name: str, version: int | None = None) -> ModelVersion:
        """One version, the latest when `version` is None. :raises NotFound:"""
        ...

    def list_model_versions(self, name: str) -> list[ModelVersion]:
        """Every version of `name`, the oldest first; none when there is no such model."""
        ...

    def list_model_names(self) -> list[str]:
        """The name of every registered model, in order."""
        ...

    # Documents: small JSON objects under a path, written by whoever names the state that it has seen

    def read_document(self, path: str) -> Document:
        """:raises NotFound: :raises InvalidRequest: that is no path."""
        ...

    def write_document(self, path: str, content: Mapping[str, Any], *, expected: str | None) -> Document:
        """Replace the document whose etag is `expected`; None: make it, it must not exist yet.

        The call finds its own write when only the answer was lost. A caller who repeats it all the same (after an
        error that may pass, in another process) meets a Conflict: read it again, it may be one's own.

        :raises Conflict: somebody else wrote it, or made it, meanwhile.
        :raises NotFound: there is none to replace.
        :raises InvalidRequest: that is no path, or the content is no JSON or too large (`MAX_DOCUMENT_BYTES`).
        """
        ...

    def delete_document(self, path: str, *, expected: str) -> None:
        """Remove the document whose etag is `expected`; one that is not there is no error. :raises Conflict:"""
        ...

    def list_documents(self, prefix: str) -> list[DocumentEntry]:
        """Every document whose path begins with `prefix/`, by path; the contents are not read."""
        ...

    # Pipelines

    def publish_pipeline(self, definition: PipelineDefinition) -> PublishedPipeline:
        """Publish the definition as the next version of its name and make that the default.

        When the default version is active and has this very definition, it is returned and nothing is published.

        :raises InvalidRequest: the definition cannot work.
        """
        ...

    def get_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        """:raises NotFound:"""
        ...

    def find_pipeline(self, name: str, version: int | None = None) -> PublishedPipeline:
        """One version, the default when `version` is None.

        :raises NotFound: :raises Conflict: more than one pipeline answers to that; the message names them.
        """
        ...

    def list_pipelines(self, name: str | None = None) -> list[PublishedPipeline]:
        """Every published pipeline, disabled ones too, by name and the newest version first."""
        ...

    def set_pipeline_status(self, pipeline_id: str, status: PipelineStatus) -> PublishedPipeline:
        """Enable or disable one version. :raises NotFound:"""
        ...

    def set_default_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        """Make this version the one that its pipeline endpoint submits. :raises NotFound: :raises Conflict: disabled"""
        ...

    def submit_pipeline(self, endpoint: str, submission: PipelineSubmission, *, submission_key: str) -> Run:
        """Post to the REST endpoint of a published pipeline, or find the run that this key submitted.

        `endpoint` is a `PublishedPipeline`'s `endpoint` or `pipeline_endpoint`; the token is sent to no other host.

        :raises InvalidRequest: no parameter of that name, a bad value, an address that is not this workspace's.
        :raises NotFound: no such pipeline.
        :raises Conflict: it is disabled, or the key is that of a run of another pipeline.
        """
        ...

    def list_step_runs(self, run_id: str) -> list[StepRun]:
        """Every step of a pipeline run, in order. :raises NotFound: :raises InvalidRequest: not a pipeline's run."""
        ...

    def pipeline_result(self, run_id: str) -> PipelineResult:
        """:raises RunFailed: it ended without one. :raises Conflict: it is still running. :raises NotFound:"""
        ...

    # Web services

    def deploy(self, settings: DeploySettings) -> WebService:
        """Start creating the service, or updating it in place without losing a request. Poll `get_service`.

        :raises InvalidRequest: a name Azure would refuse, ... :raises NotFound: no such model version.
        """
        ...

    def get_service(self, name: str) -> WebService:
        """:raises NotFound:"""
        ...

    def list_services(self) -> Sequence[WebService]:
        """All web services, by name."""
        ...

    def delete_service(self, name: str) -> None:
        """Stop and remove the service; one that does not exist is not an error."""
        ...

    def set_app_insights(self, name: str, *, enabled: bool) -> WebService:
        """Switch request telemetry on or off, without a redeployment. :raises NotFound:"""
        ...

    def service_logs(self, name: str, *, tail: int = 200) -> str:
        """The last `tail` lines of the service's log. :raises NotFound:"""
        ...

    def service_requests(self, name: str, *, since_seconds: float | None = None) -> RequestSummary:
        """Telemetry of the last `since_seconds` (None: all that is kept). :raises NotFound:"""
        ...

    def service_inputs(self, name: str, *, since_seconds: float, limit: int = 2000) -> InputSample:
        """At most `limit` of the rows that were scored in the last `since_seconds`. :raises NotFound:"""
        ...

    def service_keys(self, name: str) -> ServiceKeys:
        """:raises NotFound: no such service, or it was deployed without authentication."""
        ...

    def regenerate_key(self, name: str, *, secondary: bool = False) -> ServiceKeys:
        """Replace one of the two keys; the other goes on working. :raises NotFound:"""
        ...
