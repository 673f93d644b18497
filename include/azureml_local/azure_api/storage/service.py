"""Storage as the other modules of this package use it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.storage.account import open_account
from azureml_local.azure_api.storage.blobs import Blob, BlobStore
from azureml_local.azure_api.storage.engine_files import ARTIFACTS, DATA, EngineFiles
from azureml_local.azure_api.storage.names import check_name
from azureml_local.azure_api.storage.refusals import StorageRefusal
from azureml_local.azure_api.storage.sas import READ, WRITE, signed_url
from azureml_local.paths import Home

CONTAINERS = (DATA, ARTIFACTS)
"""`DATA` is the default datastore's; `ARTIFACTS` has the files of runs, of models and of snapshots."""

__all__ = ["ARTIFACTS", "CONTAINERS", "DATA", "Storage"]


class Storage:
    """The storage account of the workspace, in `folder`."""

    def __init__(self, folder: Path, home: Home, addresses: Addresses) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.account = open_account(folder, addresses)
        self.blobs = BlobStore(folder)
        self._engine_files = EngineFiles(home)

    def close(self) -> None:
        """Close the files."""
        self.blobs.close()

    def read_url(self, container: str, name: str) -> str:
        """An address from which the blob can be read for a day, and nothing else."""
        return signed_url(self.account, container, name, READ)

    def write_url(self, container: str, name: str) -> str:
        """An address at which the blob can be written (and looked at) for a day, and nothing else."""
        return signed_url(self.account, container, name, WRITE)

    def find(self, container: str, name: str) -> Blob | None:
        """The workspace's own file of that name, else the blob that was put there, else None."""
        return self._engine_files.find(container, name) or self.blobs.find(container, name)

    def check_writable(self, container: str, name: str) -> None:
        """:raises StorageRefusal: no blob can have this name, or the workspace itself made what has it."""
        check_name(name)
        if self._engine_files.find(container, name) is not None:
            raise StorageRefusal(409, "BlobImmutableDueToPolicy", f"the workspace itself made {name}.")

    def list_from(self, container: str, prefix: str, start: str = "") -> Iterator[Blob]:
        """Blobs whose name begins with `prefix`, by name, from `start` on."""
        last = None
        both = (source.list_from(container, prefix, start) for source in (self._engine_files, self.blobs))
        for blob in heapq.merge(*both, key=lambda blob: blob.name):
            if blob.name != last:
                last = blob.name
                yield blob

    def add_file(self, container: str, name: str, file: Path) -> Blob:
        """A copy of a file of this machine as a blob."""
        return self.blobs.add_file(container, name, file)
