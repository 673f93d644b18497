"""Files that the workspace made itself, as blobs that can only be read: outputs of runs, typed rows of datasets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from azureml_local.azure_api.run_artifacts import run_file_name, split_run_file_name
from azureml_local.azure_api.storage.blobs import Blob
from azureml_local.paths import Home
from azureml_local.server.run_files import find_public_file, list_public_files
from azureml_local.store.datasets import DATA_FILE

ARTIFACTS = "azureml"
DATA = "azureml-blobstore"

_DATASETS = "registered-datasets"
_DATASET = re.compile(rf"{_DATASETS}/(?P<key>[0-9a-f]{{64}}(-[0-9a-f]{{8}})?)/{re.escape(DATA_FILE)}")


def dataset_table_name(storage_key: str) -> str:
    """What the typed rows of a dataset version are called in `DATA`."""
    return f"{_DATASETS}/{storage_key}/{DATA_FILE}"


class EngineFiles:
    """Looks into the workspace's folders; keeps nothing."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def find(self, container: str, name: str) -> Blob | None:
        """The file of that name, or None."""
        file: Path | None = None
        if container == ARTIFACTS and (found := split_run_file_name(name)):
            run_id, path = found
            file = find_public_file(self._home.run(run_id), path)
        elif container == DATA and (dataset := _DATASET.fullmatch(name)):
            file = self._home.dataset(dataset["key"]) / DATA_FILE
        return None if file is None else _blob(name, file)

    def list_from(self, container: str, prefix: str, start: str) -> Iterator[Blob]:
        """Files whose name begins with `prefix`, by name, from `start` on. The prefix has to name a run, or a dataset:
        who lists a whole container wants what was put there, and not all that the workspace ever made."""
        names: list[str] = []
        if container == ARTIFACTS and (run := split_run_file_name(prefix)):
            run_id, _ = run
            names = [run_file_name(run_id, path) for path in list_public_files(self._home.run(run_id))]
        elif container == DATA and _DATASET.fullmatch(prefix):
            names = [prefix]
        for name in names:
            if name.startswith(prefix) and name >= start and (found := self.find(container, name)) is not None:
                yield found


def _blob(name: str, file: Path) -> Blob | None:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return Blob(
        name=name,
        path=file,
        size=stat.st_size,
        etag=f'"0x{stat.st_mtime_ns:X}{stat.st_size:X}"',
        modified=datetime.fromtimestamp(stat.st_mtime, UTC),
    )
