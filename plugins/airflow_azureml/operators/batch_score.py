"""Score the rows of a file with the champion, into one Parquet partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.log import mask_secret

from airflow_azureml import _arguments as arguments
from airflow_azureml._batch_input import BatchSource
from airflow_azureml._batch_output import batch_output
from airflow_azureml._dag_runs import name_of_run
from airflow_azureml._references import service_name
from airflow_azureml._waiting import Patience, TaskStopped, wait_until
from airflow_azureml.addresses import secrets_of
from airflow_azureml.after_deployment_results import BatchResult
from airflow_azureml.links import AzureMLServiceLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import VersionResult
from azureml_drops.transfer import DownloadLimits
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.statuses import SETTLED_SERVICE_STATES, ServiceState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_batch.scoring import BatchTools
    from azureml_workspace.records import WebService

_MOST_ROWS = 10_000
"""What a web service takes in one request."""
_SETTLE_SECONDS = 1200.0
_OUTAGE_SECONDS = 120.0


class AzureMLBatchScoreOperator(AzureMLBaseOperator):
    """Score every row of a CSV with the model that a web service serves, and put the answers into one Parquet file.

    The file is `OUTPUT_FOLDER/service=NAME/drop=KEY/part-0.parquet`: `row_number` (from 1), the id columns, `label`,
    `probability_CLASS` per class, `model_name` and `model_version`. It appears complete or not at all. Scoring the same
    input with the same model again does nothing; a partition is of one model version, so when the service takes another
    one meanwhile the work begins anew. The document `batches/{service}/{key}` says what was done.
    Returns a `BatchResult`.

    :param service: the deploy task's output, or the name of a web service.
    :param output_folder: a local folder, or an object storage URI (`wasbs`, `abfs`, ...).
    :param data: the CSV: a path or URI as for `AzureMLRegisterDatasetOperator`. A drop is named by `pattern` and
        `drop_key` instead.
    :param key: what the batch is called (default: the file's name without its ending).
    :param pattern: where drops are, such as `/data/new/{date}.csv`; see `azureml_drops.pattern`.
    :param drop_key: which drop, or `latest`; the task is skipped when it is not there.
    :param id_columns: columns that are kept beside the answers (default none).
    :param separator: one character (default a comma); the two characters `\\t` are a tab.
    :param encoding: a Python codec name (default utf-8).
    :param rows_per_request: rows in one request (default 500).
    :param timeout: seconds for each request (default 60).
    :param source_conn_id: connection for `data` or `pattern` in an object storage.
    :param output_conn_id: connection for `output_folder` in an object storage.
    :param max_download_mb: largest input fetched from elsewhere (default 1024).
    :param download_timeout: seconds for fetching it (default 300).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "service",
        "output_folder",
        "data",
        "key",
        "pattern",
        "drop_key",
        "id_columns",
        "separator",
        "encoding",
        "rows_per_request",
        "timeout",
        "source_conn_id",
        "output_conn_id",
        "max_download_mb",
        "download_timeout",
    )
    operator_extra_links = (AzureMLServiceLink(),)

    def __init__(
        self,
        *,
        service: Any,
        output_folder: str,
        data: str | None = None,
        key: str | None = None,
        pattern: str | None = None,
        drop_key: str | None = None,
        id_columns: Sequence[str] | str | None = None,
        separator: str = ",",
        encoding: str = "utf-8",
        rows_per_request: int | str = 500,
        timeout: float | str = 60,
        source_conn_id: str | None = None,
        output_conn_id: str | None = None,
        max_download_mb: float | str = 1024,
        download_timeout: float | str = 300,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.output_folder = output_folder
        self.data = data
        self.key = key
        self.pattern = pattern
        self.drop_key = drop_key
        self.id_columns = id_columns
        self.separator = separator
        self.encoding = encoding
        self.rows_per_request = rows_per_request
        self.timeout = timeout
        self.source_conn_id = source_conn_id
        self.output_conn_id = output_conn_id
        self.max_download_mb = max_download_mb
        self.download_timeout = download_timeout

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render, and mask before Airflow stores what was rendered."""
        super().render_template_fields(context, jinja_env)
        self._mask()

    def perform(self, context: Context) -> BatchResult:
        """Fetch, score, put in place, remember."""
        self._mask()  # a mapped task is rendered without the method above
        name = service_name(self.service)
        AzureMLServiceLink().push(self, context, name)
        source, tools = self._source(), self._tools(name, context)
        conn_id = arguments.optional(arguments.text, "output_conn_id", self.output_conn_id)
        output = batch_output(arguments.text("output_folder", self.output_folder), conn_id)

        from azureml_batch.manifest import batch_path
        from azureml_batch.scoring import score_batch

        with source.fetched() as batch:
            self.log.info("Batch %s is %s.", batch.key, batch.source)
            manifest, scored = score_batch(self.hook.workspace, batch, output, tools)
        did = "Scored" if scored else "Nothing to do, scored before:"
        model = f"{manifest.model_name} version {manifest.model_version}"
        self.log.info("%s %d rows with %s, in %s.", did, manifest.rows, model, manifest.output)
        return BatchResult(
            service=name,
            key=manifest.key,
            model=VersionResult(name=manifest.model_name, version=manifest.model_version),
            rows=manifest.rows,
            output=manifest.output,
            document=batch_path(name, manifest.key),
            scored=scored,
            restarts=manifest.restarts,
        )

    def _tools(self, name: str, context: Context) -> BatchTools:
        from azureml_batch.scoring import BatchTools

        rows = arguments.integer("rows_per_request", self.rows_per_request)
        if not 1 <= rows <= _MOST_ROWS:
            raise InvalidRequest(f"rows_per_request is {rows}; give 1 to {_MOST_ROWS}.")
        timeout = arguments.number("timeout", self.timeout)
        if timeout <= 0:
            raise InvalidRequest(f"timeout is {timeout:g}; give a number of seconds above 0.")
        return BatchTools(
            champion=lambda: self._champion(name),
            key_of=self.hook.scoring_key,
            stopped=self._require_not_stopped,
            rows_per_request=rows,
            timeout=timeout,
            by=name_of_run(context),
        )

    def _champion(self, name: str) -> WebService:
        """The service, once no deployment of it is under way."""
        workspace = self.hook.workspace
        found = wait_until(
            lambda: workspace.get_service(name),
            lambda seen: seen.state in SETTLED_SERVICE_STATES,
            what=f"web service {name}",
            patience=Patience(poll=0.5, deadline=_SETTLE_SECONDS, outage=_OUTAGE_SECONDS),
            log=self.log,
            stopped=self.was_killed,
        )
        if found.state is ServiceState.FAILED:
            raise InvalidRequest(f"web service {name} is Failed ({found.error}), so there is no model to score with.")
        return found

    def _require_not_stopped(self) -> None:
        if self.was_killed():
            raise TaskStopped("stopped while the batch was scored; nothing was written.")

    def _source(self) -> BatchSource:
        source = BatchSource(
            data=arguments.optional(arguments.text, "data", self.data),
            key=arguments.optional(arguments.text, "key", self.key),
            pattern=arguments.optional(arguments.text, "pattern", self.pattern),
            drop_key=arguments.optional(arguments.text, "drop_key", self.drop_key),
            conn_id=arguments.optional(arguments.text, "source_conn_id", self.source_conn_id),
            limits=DownloadLimits(
                max_bytes=int(arguments.number("max_download_mb", self.max_download_mb) * 1e6),
                seconds=arguments.number("download_timeout", self.download_timeout),
            ),
            separator=arguments.separator(self.separator),
            encoding=arguments.text("encoding", self.encoding),
            id_columns=arguments.names("id_columns", self.id_columns),
        )
        source.validate()
        return source

    def _mask(self) -> None:
        # Refused in all but data, but stored as rendered before that.
        for address in (self.data, self.pattern, self.output_folder):
            for secret in secrets_of(str(address)):
                mask_secret(secret)
