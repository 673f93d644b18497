"""The place for scored batches: a local folder, or a folder of an object storage through an Airflow connection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_azureml.addresses import shown
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

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
        path = self._path(name)
        try:
            return int(path.fs.info(str(path.path))["size"])
        except FileNotFoundError:
            return None

    def put(self, file: Path, name: str) -> None:
        """Upload it. :raises InvalidRequest: there is no such container, or nothing there can be written."""
        path = self._path(name)
        try:
            # Not through an open file: that would be closed, and so made visible half-written, on an error.
            path.fs.put_file(str(file), str(path.path))
        except FileNotFoundError as error:
            raise InvalidRequest(f"{self._root} does not exist; make the container first.") from error

    def _path(self, name: str) -> ObjectStoragePath:
        from airflow.sdk import ObjectStoragePath

        try:
            path = ObjectStoragePath(self.address(name), conn_id=self._conn_id)
            _ = path.fs
        except (ValueError, ImportError) as error:
            raise InvalidRequest(
                f"{self._root} cannot be written: {error}. Give a folder, or install the Airflow provider of that "
                "storage and name its connection in output_conn_id."
            ) from error
        return path
