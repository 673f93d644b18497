"""Register a CSV as a dataset version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.log import mask_secret

from airflow_azureml import _arguments as arguments
from airflow_azureml._sources import check_column, local_file, require_column
from airflow_azureml.addresses import secrets_of
from airflow_azureml.links import AzureMLDatasetLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import DatasetResult, short_schema
from azureml_drops.transfer import DownloadLimits
from azureml_workspace.records import DatasetSource, validate_dataset_name

if TYPE_CHECKING:
    from airflow.sdk import Context


class AzureMLRegisterDatasetOperator(AzureMLBaseOperator):
    """Register a file of delimited text under a name. The same content again is the same version.

    Returns a `DatasetResult`.

    :param data: path or URI: a local path, `file://`, `http(s)://`, or any scheme of Airflow's `ObjectStoragePath`.
        Password and query of a URI are masked in logs and in the rendered field; a connection keeps them better.
    :param name: name of the dataset.
    :param tags: tags of the version (default none).
    :param separator: one character (default a comma); the two characters `\\t` are a tab.
    :param encoding: a Python codec name (default utf-8).
    :param label_column_name: when given, the task fails before registering if the data has no such column.
    :param source_conn_id: connection for an object storage URI (default: the storage's own default).
    :param max_download_mb: largest file fetched from elsewhere (default 1024).
    :param download_timeout: seconds for fetching it (default 300).
    """

    operator_extra_links = (AzureMLDatasetLink(),)

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "data",
        "name",
        "tags",
        "separator",
        "encoding",
        "label_column_name",
        "source_conn_id",
        "max_download_mb",
        "download_timeout",
    )

    def __init__(
        self,
        *,
        data: str,
        name: str,
        tags: Mapping[str, str] | None = None,
        separator: str = ",",
        encoding: str = "utf-8",
        label_column_name: str | None = None,
        source_conn_id: str | None = None,
        max_download_mb: float | str = 1024,
        download_timeout: float | str = 300,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data = data
        self.name = name
        self.tags = tags
        self.separator = separator
        self.encoding = encoding
        self.label_column_name = label_column_name
        self.source_conn_id = source_conn_id
        self.max_download_mb = max_download_mb
        self.download_timeout = download_timeout

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render, and mask before Airflow stores what was rendered."""
        super().render_template_fields(context, jinja_env)
        self._mask()

    def perform(self, context: Context) -> DatasetResult:
        """Fetch, check the label, register."""
        self._mask()  # a mapped task is rendered without the method above
        data = arguments.text("data", self.data)
        name = arguments.text("name", self.name)
        validate_dataset_name(name)
        tags = arguments.tags("tags", self.tags)
        label = arguments.optional(arguments.text, "label_column_name", self.label_column_name)
        limits = DownloadLimits(
            max_bytes=int(arguments.number("max_download_mb", self.max_download_mb) * 1e6),
            seconds=arguments.number("download_timeout", self.download_timeout),
        )
        encoding = arguments.text("encoding", self.encoding)
        conn_id = arguments.optional(arguments.text, "source_conn_id", self.source_conn_id)
        separator = arguments.separator(self.separator)
        workspace = self.hook.workspace
        with local_file(data, conn_id=conn_id, limits=limits) as path:
            if label:
                require_column(path, label, separator=separator, encoding=encoding)
            source = DatasetSource(path=str(path), separator=separator, encoding=encoding)
            dataset = workspace.register_dataset(name, source, tags=tags)
        AzureMLDatasetLink().push(self, context, dataset.name, dataset.version)
        if label:
            columns = [column.name for column in dataset.columns]
            check_column("label_column_name", label, columns, where=f"dataset {name} version {dataset.version}")
        self.log.info(
            "%s dataset %s version %d: %d rows, %d columns, %s.",
            "Registered" if dataset.created else "Found",
            dataset.name,
            dataset.version,
            dataset.rows,
            len(dataset.columns),
            dataset.fingerprint,
        )
        return DatasetResult(
            name=dataset.name,
            version=dataset.version,
            fingerprint=dataset.fingerprint,
            rows=dataset.rows,
            columns=len(dataset.columns),
            schema=short_schema(dataset.columns),
            profile_uri=dataset.profile_uri,
            created=dataset.created,
        )

    def _mask(self) -> None:
        for secret in secrets_of(str(self.data)):
            mask_secret(secret)
