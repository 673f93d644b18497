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
from azureml_workspace.azure_v1.prepared_file import prepare
from azureml_workspace.azure_v1.stored_file import (
    CREATED_TAG,
    PROFILE_FILE,
    StoredFile,
    folder_of,
    refuse_own_tags,
    without_own_tags,
)
from azureml_workspace.data.profile import DataProfile
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import DatasetSource, DatasetVersion, validate_dataset_name
from azureml_workspace.segments import segment
from azureml_workspace.texts import require_encodable

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
        return self._version(name, answer, stored, created=bool(answer["created"]))

    def get_dataset(self, name: str, version: int | None = None) -> DatasetVersion:
        """Read the version's tags and the document in its file's folder."""
        answer, stored = self._read(name, version)
        return self._version(name, answer, stored)

    def take_rows(self, name: str, version: int, count: int) -> list[dict[str, Any]]:
        """Azure ML reads the first rows of the registered file, and they are typed here, as they were registered."""
        from azureml_workspace.data.text_rows import typed_rows  # Arrow, see `prepare`

        if count < 0:
            raise InvalidRequest(f"count is {count}; ask for 0 rows or more.")
        _, stored = self._read(name, version)
        rows = self._azure.sdk.call("take_text_rows", {"file": _file(name, stored), "count": count})
        return [dict(row) for row in typed_rows(stored.columns, rows)]

    def _profile(self, name: str, version: int | None) -> tuple[int, DataProfile]:
        """A version (the latest when it is None) and what was found in its rows when it was registered.

        :raises NotFound, InvalidRequest: see `_read`.
        """
        answer, stored = self._read(name, version)
        return int(answer["version"]), stored.profile

    def _read(self, name: str, version: int | None) -> tuple[dict[str, Any], StoredFile]:
        """:raises NotFound: :raises InvalidRequest: the version was not registered by this adapter."""
        segment("dataset", name)
        answer: dict[str, Any] = self._azure.sdk.call("read_dataset", {"name": name, "version": version})
        if answer["document"] is None:
            raise InvalidRequest(
                f"version {answer['version']} of dataset {name!r} was registered in another way, so its rows and kinds "
                "are not known here; register the file with register_dataset."
            )
        return answer, StoredFile.from_dict(answer["document"])

    def _version(
        self, name: str, answer: Mapping[str, Any], stored: StoredFile, *, created: bool = False
    ) -> DatasetVersion:
        tags: dict[str, str] = answer["tags"]
        names = self._azure.settings
        return DatasetVersion(
            name=name,
            version=int(answer["version"]),
            fingerprint=stored.fingerprint,
            rows=stored.rows,
            columns=stored.columns,
            created_at=datetime.fromisoformat(tags[CREATED_TAG]),
            profile_uri=(
                f"azureml://subscriptions/{names.subscription_id}/resourcegroups/{names.resource_group}"
                f"/workspaces/{names.workspace_name}/datastores/{answer['datastore']}"
                f"/paths/{folder_of(name, stored.key)}/{PROFILE_FILE}"
            ),
            created=created,
            tags=without_own_tags(tags),
        )


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
