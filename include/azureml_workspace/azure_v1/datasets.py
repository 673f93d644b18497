"""Datasets: files that are checked here, kept in the default datastore and registered as tabular datasets.

`stored_file` says what is kept for a file and where. Which version of a dataset holds it is told by the version's tags,
and by a small document in the file's folder, with which it is found again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.dataset_versions import DatasetVersions, Registered
from azureml_workspace.azure_v1.prepared_file import prepare
from azureml_workspace.azure_v1.stored_file import StoredFile, folder_of, refuse_own_tags
from azureml_workspace.data.profile import DataProfile
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import DatasetFile, DatasetSource, DatasetVersion, validate_dataset_name
from azureml_workspace.texts import require_encodable
from azureml_workspace.whole_file import whole_file

_SECONDS = 180.0
_SLOWEST_UPLOAD_BYTES_PER_SECOND = 500_000
_SDK_KINDS = {"integer": "long", "number": "float", "boolean": "bool", "string": "string"}
"""How Azure ML is told of which kind a column is. It finds the format of datetimes itself."""


class DatasetCalls:
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    _azure: AzureConnection

    def register_dataset(
        self, name: str, source: DatasetSource, *, tags: Mapping[str, str] | None = None
    ) -> DatasetVersion:
        """Check and profile the file here; then upload it, and register it unless a version holds it already.

        Azure ML has no registration that looks for equal content. So this looks before, and looks afterwards whether
        somebody else registered the same meanwhile: then everybody takes the lowest of those versions. (The others
        stay: Azure ML cannot remove one version.)
        """
        validate_dataset_name(name)
        given = dict(tags or {})
        require_encodable(given, "tags")
        refuse_own_tags(given)
        with TemporaryDirectory(prefix="azureml-dataset-") as temporary:
            prepared = prepare(name, source, Path(temporary))
            stored = prepared.stored
            answer = self._azure.sdk.call(
                "register_dataset",
                {
                    "name": name,
                    "upload": str(prepared.upload),
                    "file": _file(name, stored),
                    "kinds": {
                        column.name: _SDK_KINDS[column.kind] for column in stored.columns if column.kind in _SDK_KINDS
                    },
                    "tags": given,
                    "file_tags": stored.tags(datetime.now(UTC).isoformat()),
                },
                seconds=_SECONDS + prepared.size / _SLOWEST_UPLOAD_BYTES_PER_SECOND,
            )
        made = Registered(name=name, version=int(answer["version"]), tags=dict(answer["tags"]), stored=stored)
        return self._versions.record(made, created=bool(answer["created"]))

    def get_dataset(self, name: str, version: int | None = None) -> DatasetVersion:
        """Read the version's tags and the document beside its file."""
        return self._versions.record(self._versions.get(name, version))

    def list_dataset_versions(self, name: str) -> list[DatasetVersion]:
        """Read them all, some at a time. Those that were registered in another way are left out."""
        validate_dataset_name(name)
        return [self._versions.record(found) for found in self._versions.all_of(name) if found.stored is not None]

    def list_dataset_names(self) -> list[str]:
        """Read them page by page, those too that were registered in another way."""
        return self._versions.names()

    def dataset_profile(self, name: str, version: int) -> DataProfile:
        """Read the document beside the version's file."""
        return self._profile(name, version)[1]

    def take_rows(self, name: str, version: int, count: int) -> list[dict[str, Any]]:
        """Azure ML reads the first rows of the registered file, and they are typed here, as they were registered."""
        from azureml_workspace.data.text_rows import typed_rows  # Arrow, see `prepare`

        if count < 0:
            raise InvalidRequest(f"count is {count}; ask for 0 rows or more.")
        stored = self._versions.get(name, version).require_stored()
        rows = self._azure.sdk.call("take_text_rows", {"file": _file(name, stored), "count": count})
        return [dict(row) for row in typed_rows(stored.columns, rows)]

    def download_dataset(self, name: str, version: int, folder: Path) -> DatasetFile:
        """Fetch the file that was uploaded: the bytes that were registered, or the same rows in UTF-8."""
        stored = self._versions.get(name, version).require_stored()
        path = folder / f"{name}-{version}.csv"
        self._azure.blobs.download(f"{folder_of(name, stored.key)}/{stored.file}", lambda: whole_file(path))
        return DatasetFile(path=str(path), separator=stored.separator, encoding=stored.encoding_of_file)

    @property
    def _versions(self) -> DatasetVersions:
        return DatasetVersions(self._azure)

    def _profile(self, name: str, version: int | None) -> tuple[int, DataProfile]:
        """A version (the latest when it is None) and what was found in its rows when it was registered.

        :raises NotFound: :raises InvalidRequest: it was registered in another way.
        """
        found = self._versions.get(name, version)
        return found.version, found.require_stored().profile


def _file(name: str, stored: StoredFile) -> dict[str, Any]:
    """How the SDK's process is told of an uploaded file."""
    return {
        "folder": folder_of(name, stored.key),
        "key": stored.key,
        "name": stored.file,
        "separator": stored.separator,
        "encoding": stored.file_encoding,
        "multi_line": stored.multi_line,
    }
