"""Get the CSV that a path or URI names onto this machine's disk."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from airflow_azureml._object_storage import open_object
from airflow_azureml.addresses import shown
from azureml_drops.transfer import CHUNK_BYTES, DownloadLimits, Transfer, room_for_copy
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

if TYPE_CHECKING:
    import requests

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 15.0


@contextmanager
def local_file(uri: str, *, conn_id: str | None, limits: DownloadLimits) -> Iterator[Path]:
    """The file on disk: a local path as it is, anything else as a temporary copy.

    Schemes: none or `file`, `http`, `https`, and whatever Airflow's `ObjectStoragePath` knows (`wasbs`, `abfs`, `s3`,
    ...) through the connection `conn_id`.

    :raises InvalidRequest: the URI cannot be fetched, or is larger than the limit.
    :raises ServiceUnavailable: its server did not answer, or not in time.
    :raises StorageFull: no room for the copy.
    """
    # A Windows drive letter is not a scheme, and neither is the text before a colon in a file name.
    scheme = uri.partition("://")[0].lower() if "://" in uri else ""
    _require_address(uri)
    if scheme in {"", "file"}:
        yield _local_path(uri)
        return
    with tempfile.TemporaryDirectory(prefix="azureml-data-") as folder:
        path = Path(folder) / (Path(urlsplit(uri).path).name or "data.csv")
        with room_for_copy(shown(uri)), path.open("wb") as file:
            transfer = Transfer(shown(uri), limits)
            if scheme in {"http", "https"}:
                _download(uri, file, transfer)
            else:
                _copy_object(uri, conn_id, file, transfer)
        yield path


def require_column(path: Path, column: str, *, separator: str, encoding: str) -> None:
    """Make sure that the header has the column, before anything is sent.

    A header that cannot be read here is left to the workspace, which says what is wrong with the file.

    :raises InvalidRequest: it has not; names similar ones.
    """
    try:
        with path.open(encoding="utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding, newline="") as file:
            reader = csv.reader(file, delimiter=separator)
            header = [name.strip() for name in next((row for row in reader if row), [])]
    except (OSError, LookupError, ValueError, TypeError, csv.Error):
        return
    if len(header) > 1:
        check_column("label_column_name", column, header, where=path.name)


def check_column(argument: str, column: str, columns: list[str], *, where: str) -> None:
    """:raises InvalidRequest: `column`, the value of `argument`, is not among `columns`."""
    if column in columns:
        return
    close = get_close_matches(column, columns, n=3)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {', '.join(columns[:20])}"
    more = f", ... {len(columns)} in all" if not close and len(columns) > 20 else ""
    raise InvalidRequest(f"{argument} is {column!r}, which is not a column of {where}; {hint}{more}")


def _require_address(uri: str) -> None:
    try:
        urlsplit(uri)
    except ValueError as error:
        raise InvalidRequest(f"{shown(uri)} is not a valid address ({error}).") from error


def _local_path(uri: str) -> Path:
    if "://" not in uri:
        return Path(uri).expanduser()
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        raise InvalidRequest(
            f"{shown(uri)} names the host {parts.netloc!r}; a file URI has three slashes: file:///path/to.csv."
        )
    return Path(unquote(parts.path))


def _download(uri: str, file: BinaryIO, transfer: Transfer) -> None:
    import requests

    try:
        with requests.get(uri, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)) as response:
            _refuse_bad_answer(uri, response)
            transfer.copy(response.iter_content(CHUNK_BYTES), file)
    # Without their causes: those hold the address with its signature, and a traceback in a log would show it.
    except requests.exceptions.InvalidURL:
        raise InvalidRequest(f"{shown(uri)} is not a valid address.") from None
    except requests.RequestException as error:
        raise ServiceUnavailable(
            f"{shown(uri)} could not be downloaded ({type(error).__name__}); give a local file, or try again later."
        ) from None


def _refuse_bad_answer(uri: str, response: requests.Response) -> None:
    if response.status_code == 429 or response.status_code >= 500:
        raise ServiceUnavailable(f"{shown(uri)} answered {response.status_code} {response.reason}; try again later.")
    if response.status_code != 200:
        raise InvalidRequest(f"{shown(uri)} answered {response.status_code} {response.reason}; check the address.")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise InvalidRequest(f"{shown(uri)} is a web page, not a CSV file; give the address of the raw file.")


def _copy_object(uri: str, conn_id: str | None, file: BinaryIO, transfer: Transfer) -> None:
    try:
        with open_object(uri, conn_id) as source:
            transfer.copy(iter(lambda: source.read(CHUNK_BYTES), b""), file)
    except FileNotFoundError:
        raise InvalidRequest(f"{shown(uri)} does not exist; check the address and the connection.") from None
