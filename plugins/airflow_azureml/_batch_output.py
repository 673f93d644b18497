"""The place for scored batches: a local folder, or a folder of an object storage through an Airflow connection."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_azureml._object_storage import object_path, translated
from airflow_azureml.addresses import shown
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from azureml_batch.output import BatchOutput


def batch_output(uri: str, conn_id: str | None) -> BatchOutput:
    """The folder that a path or URI names; nothing is asked of it yet.

    :raises InvalidRequest: it is no folder that can be written; `http` and `https` cannot.
    """
    from azureml_batch.output import LocalOutput

    scheme = uri.partition("://")[0].lower() if "://" in uri else ""
    if scheme in {"http", "https"}:
        raise InvalidRequest(
            f"output_folder is {shown(uri)}; give a folder or an object storage URI (wasbs, abfs, s3, ...)."
        )
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise InvalidRequest(f"output_folder is {shown(uri)}, which is no valid address ({error}).") from error
    if scheme == "":
        return LocalOutput(Path(uri).expanduser())
    if scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            raise InvalidRequest(
                f"output_folder is {shown(uri)}; a file URI has three slashes: file:///path/to/folder."
            )
        return LocalOutput(Path(unquote(parts.path)))
    if parts.query or parts.fragment or ":" in parts.netloc:
        raise InvalidRequest(f"output_folder is {shown(uri)}; keep passwords and signatures in output_conn_id.")
    return ObjectOutput(uri.rstrip("/"), conn_id)


class ObjectOutput:
    """A folder of an object storage. An object is there when all of it is, and replaces an earlier one at once."""

    def __init__(self, root: str, conn_id: str | None) -> None:
        self._root = root
        self._conn_id = conn_id

    def address(self, name: str) -> str:
        """The URI."""
        return f"{self._root}/{name}"

    def size(self, name: str) -> int | None:
        """As `BatchOutput` says."""
        with self._translated():
            path = object_path(self.address(name), self._conn_id)
            path.fs.invalidate_cache()
            try:
                return int(path.fs.info(path.path)["size"])
            except FileNotFoundError:
                return None

    def put(self, file: Path, name: str) -> None:
        """Upload it. :raises InvalidRequest: there is no such container, or nothing there can be written."""
        with self._translated():
            path = object_path(self.address(name), self._conn_id)
            try:
                # Not through an open file: that is closed on an error too, and so made visible half-written.
                path.fs.put_file(str(file), path.path)
            except FileNotFoundError:
                raise InvalidRequest(f"{shown(self._root)} does not exist; make the container first.") from None

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._root, doing="written", conn_argument="output_conn_id")
