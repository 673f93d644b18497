"""Datasets: upload, register, read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from azureml_workspace.azure_v1.sdk.session import SdkSession
from azureml_workspace.azure_v1.stored_file import KEY_TAG, folder_of
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from azureml.core import Workspace
    from azureml.data import TabularDataset
    from azureml.data.abstract_datastore import AbstractDatastore

_VERSION_FILE = "version.json"
"""In a file's folder: which version holds the file."""
_NO_CREDENTIAL = "None"
_IDENTICAL = re.compile(r"An identical dataset had already been registered.*version=(\d+)", re.DOTALL)


def register_dataset(
    session: SdkSession,
    name: str,
    upload: str,
    file: Mapping[str, Any],
    kinds: Mapping[str, str],
    tags: Mapping[str, str],
    file_tags: Mapping[str, str],
) -> dict[str, Any]:
    """The version that holds `file`: uploaded with the local folder `upload` and registered, when there is none yet.

    `tags` are added to a version that is there.
    """
    from azureml.core import Dataset

    workspace, folder, key = session.workspace, str(file["folder"]), str(file["key"])
    datastore = _datastore(workspace)
    latest = _find_version(workspace, name, None)
    known = _find_holding(workspace, datastore, name, key, latest)
    if known is not None:
        before = _tags(known)
        if not tags.items() <= before.items():
            known.update(tags={**before, **tags})
        return _answer(known)
    Dataset.File.upload_directory(upload, (datastore, folder), overwrite=True, show_progress=False)
    table = _table(datastore, file, set_column_types=_types(kinds))
    registered, is_new = _register(workspace, table, name, {**tags, **file_tags})
    last = 0 if latest is None else int(latest.version)
    first = _first_holding(workspace, registered, key, last)
    _write_document(datastore, folder, _VERSION_FILE, {"version": first.version})
    return {**_answer(first), "created": is_new and last < first.version == registered.version}


def take_text_rows(session: SdkSession, file: Mapping[str, Any], count: int) -> list[dict[str, str | None]]:
    """The first rows of an uploaded file, every field as it is written there, None where it is empty."""
    table = _table(_datastore(session.workspace), file, validate=False, infer_column_types=False)
    rows = table.take(count).to_pandas_dataframe().to_dict("records")
    return [{str(name): value if isinstance(value, str) else None for name, value in row.items()} for row in rows]


def _datastore(workspace: Workspace) -> AbstractDatastore:
    """The default one.

    :raises InvalidRequest: it keeps no credential. The SDK's data library then wants one for storage, which it takes
        from a service principal's secret or asks a person for in a browser; this process has neither.
    """
    datastore = workspace.get_default_datastore()
    if getattr(datastore, "credential_type", None) == _NO_CREDENTIAL:
        raise InvalidRequest(
            f"the workspace's default datastore {datastore.name!r} keeps neither an account key nor a SAS "
            "(identity-based access), which this adapter cannot use; give the datastore one, or make one with a key "
            "the default."
        )
    return datastore


def _table(datastore: AbstractDatastore, file: Mapping[str, Any], **options: Any) -> TabularDataset:
    from azureml.core import Dataset

    return Dataset.Tabular.from_delimited_files(
        (datastore, f"{file['folder']}/{file['name']}"),
        separator=file["separator"],
        encoding=file["encoding"],
        support_multi_line=file["multi_line"],
        **options,
    )


def _types(kinds: Mapping[str, str]) -> dict[str, Any]:
    from azureml.data import DataType

    makers = {
        "long": DataType.to_long,
        "float": DataType.to_float,
        "bool": DataType.to_bool,
        "string": DataType.to_string,
    }
    return {name: makers[kind]() for name, kind in kinds.items()}


def _find_version(workspace: Workspace, name: str, version: int | None) -> TabularDataset | None:
    from azureml.core import Dataset
    from azureml.exceptions import UserErrorException

    try:
        return Dataset.get_by_name(workspace, name, version="latest" if version is None else version)
    except UserErrorException as error:
        # The SDK keeps nothing of the 404 but this sentence.
        if "Cannot find dataset registered with name" in str(error):
            return None
        raise


def _find_holding(
    workspace: Workspace, datastore: AbstractDatastore, name: str, key: str, latest: TabularDataset | None
) -> TabularDataset | None:
    """The version that holds the file `key`, told by the document in its folder; or the latest, whose registration may
    have been cut off before that was written."""
    if latest is None or _tags(latest).get(KEY_TAG) == key:
        return latest
    document = _read_document(datastore, f"{folder_of(name, key)}/{_VERSION_FILE}")
    found = None if document is None else _find_version(workspace, name, int(document["version"]))
    return found if found is not None and _tags(found).get(KEY_TAG) == key else None


def _register(
    workspace: Workspace, table: TabularDataset, name: str, tags: Mapping[str, str]
) -> tuple[TabularDataset, bool]:
    """The version, and whether it is new. (What Azure ML makes of a definition that it knows already is not written
    down; the SDK has a sentence for a refusal that names the version.)"""
    from azureml.exceptions import UserErrorException

    try:
        return table.register(workspace, name, tags=dict(tags), create_new_version=True), True
    except UserErrorException as error:
        identical = _IDENTICAL.search(str(error))
        found = None if identical is None else _find_version(workspace, name, int(identical[1]))
        if found is None:
            raise
        return found, False


def _first_holding(workspace: Workspace, registered: TabularDataset, key: str, last: int) -> TabularDataset:
    """The lowest version after `last` that holds the file."""
    for version in range(last + 1, registered.version):
        found = _find_version(workspace, registered.name, version)
        if found is not None and _tags(found).get(KEY_TAG) == key:
            return found
    return registered


def _tags(dataset: TabularDataset) -> dict[str, str]:
    return dict(dataset.tags or {})


def _answer(dataset: TabularDataset) -> dict[str, Any]:
    return {
        "version": dataset.version,
        "tags": _tags(dataset),
        "created": False,
    }


def _read_document(datastore: AbstractDatastore, path: str) -> dict[str, Any] | None:
    """A JSON document of the datastore, None when there is none."""
    from azureml.core import Dataset
    from azureml.exceptions import UserErrorException

    with TemporaryDirectory() as folder:
        try:
            (file,) = Dataset.File.from_files((datastore, path), validate=False).download(folder, overwrite=True)
        except UserErrorException as error:
            if "StreamAccess.NotFound" in str(error):
                return None
            raise
        return dict(json.loads(Path(file).read_bytes()))


def _write_document(datastore: AbstractDatastore, folder: str, name: str, document: Mapping[str, Any]) -> None:
    from azureml.core import Dataset

    with TemporaryDirectory() as local:
        (Path(local) / name).write_text(json.dumps(document))
        Dataset.File.upload_directory(local, (datastore, folder), overwrite=True, show_progress=False)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "register_dataset": register_dataset,
    "take_text_rows": take_text_rows,
}
