"""What Azure ML says of a dataset's versions, and what is kept beside their files."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.stored_file import (
    CREATED_TAG,
    KEY_TAG,
    PROFILE_FILE,
    StoredFile,
    folder_of,
    without_own_tags,
)
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable
from azureml_workspace.records import DatasetVersion
from azureml_workspace.segments import segment

_AT_ONCE = 8
"""Requests at a time: Azure ML has none that tells the tags of all versions."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A version, and how it was registered: `stored` is None when that was in another way than by this adapter."""

    name: str
    version: int
    tags: dict[str, str]
    stored: StoredFile | None

    def require_stored(self) -> StoredFile:
        """:raises InvalidRequest: nothing is known of its file."""
        if self.stored is None:
            raise InvalidRequest(
                f"version {self.version} of dataset {self.name!r} was registered in another way, so its rows and kinds "
                "are not known here; register the file with register_dataset."
            )
        return self.stored


class DatasetVersions:
    """The versions of datasets, by name."""

    def __init__(self, azure: AzureConnection) -> None:
        self._azure = azure

    def find(self, name: str, version: int | None = None) -> Registered | None:
        """One version, the latest when `version` is None; None when there is none."""
        try:
            found = self._azure.json(
                "GET", "dataset", f"/datasets/query/name={segment('dataset', name)}", query={"versionId": version}
            )
        except NotFound:
            return None
        tags = {str(tag): str(value) for tag, value in (found.get("tags") or {}).items()}
        key = tags.get(KEY_TAG)
        return Registered(
            name=name,
            version=int(found["latest"]["versionId"]),
            tags=tags,
            stored=None if key is None else self._stored(name, key),
        )

    def get(self, name: str, version: int | None = None) -> Registered:
        """Like `find`. :raises NotFound:"""
        found = self.find(name, version)
        if found is None:
            wanted = f"dataset {name!r}" if version is None else f"version {version} of dataset {name!r}"
            raise NotFound(
                f"there is no {wanted} in workspace {self._azure.settings.workspace_name}; register it first, or check "
                "the name."
            )
        return found

    def all_of(self, name: str) -> list[Registered]:
        """Every version that there is, the oldest first."""
        latest = self.find(name)
        if latest is None:
            return []
        with ThreadPoolExecutor(_AT_ONCE) as asking:
            earlier = asking.map(lambda version: self.find(name, version), range(1, latest.version))
            found = [*earlier, latest]
        return [version for version in found if version is not None]

    def names(self) -> list[str]:
        """The name of every dataset, in order."""
        names: set[str] = set()
        token: str | None = None
        while True:
            page = self._azure.json("GET", "dataset", "/datasets", query={"continuationToken": token})
            names.update(str(found["name"]) for found in page["value"])
            token = page.get("continuationToken")
            if not token:
                return sorted(names)

    def record(self, found: Registered, *, created: bool = False) -> DatasetVersion:
        """The version as the seam knows it. :raises InvalidRequest: it was registered in another way."""
        stored, names = found.require_stored(), self._azure.settings
        return DatasetVersion(
            name=found.name,
            version=found.version,
            fingerprint=stored.fingerprint,
            rows=stored.rows,
            columns=stored.columns,
            created_at=datetime.fromisoformat(found.tags[CREATED_TAG]),
            profile_uri=(
                f"azureml://subscriptions/{names.subscription_id}/resourcegroups/{names.resource_group}"
                f"/workspaces/{names.workspace_name}/datastores/{self._azure.datastore.name}"
                f"/paths/{folder_of(found.name, stored.key)}/{PROFILE_FILE}"
            ),
            created=created,
            tags=without_own_tags(found.tags),
        )

    def _stored(self, name: str, key: str) -> StoredFile | None:
        place = f"{folder_of(name, key)}/{PROFILE_FILE}"
        try:
            text, _ = self._azure.blobs.read(place)
        except NotFound:
            return None
        try:
            document: Any = json.loads(text)
        except ValueError as error:
            raise ServiceUnavailable(f"Blob storage sent something that is no JSON, or half of it: {place}.") from error
        return StoredFile.from_dict(document)
