"""What is kept in the default datastore for a registered file, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azureml_workspace.data.profile import DataProfile
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnSchema, Record

PROFILE_FILE = "profile.json"
_FOLDER = "airflow-azureml/datasets"
_PREFIX = "registered-file."
KEY_TAG = f"{_PREFIX}key"
CREATED_TAG = f"{_PREFIX}created"
_SHOWN = {"\t": "tab", " ": "blank"}
"""Tags lose blanks at their ends."""
AZURE_ENCODINGS = {
    "utf-8": "utf8",
    "utf-8-sig": "utf8",
    "ascii": "ascii",
    "iso8859-1": "iso88591",
    "cp1252": "windows1252",
    "utf-16": "utf16",
    "utf-32": "utf32",
}
"""The encodings that `Dataset.Tabular.from_delimited_files` knows, by their names in Python."""


@dataclass(frozen=True, kw_only=True)
class StoredFile(Record):
    """`profile.json`: the file beside it, how it was given, and what is in it.

    `separator` and `encoding` (a codec of Python) are those of the file that was given. `file` is what was uploaded:
    these bytes, or the same rows in UTF-8 where Azure ML could not read the bytes; `file_encoding` is its encoding as
    the SDK calls it. `multi_line`: line ends may stand within values.
    """

    fingerprint: str
    separator: str
    encoding: str
    file: str
    file_encoding: str
    multi_line: bool
    rows: int
    columns: tuple[ColumnSchema, ...]
    profile: DataProfile

    @property
    def key(self) -> str:
        """The same for the same content that is read the same way."""
        text_format = TextFormat(separator=self.separator, encoding=self.encoding)
        return text_format.storage_key(self.fingerprint.removeprefix("sha256:"))

    @property
    def encoding_of_file(self) -> str:
        """The codec of Python with which `file` is read."""
        return self.encoding if AZURE_ENCODINGS.get(self.encoding) == self.file_encoding else "utf-8"

    def tags(self, created: str) -> dict[str, str]:
        """What a version's tags say of it. `created`: ISO 8601."""
        return {
            KEY_TAG: self.key,
            CREATED_TAG: created,
            f"{_PREFIX}fingerprint": self.fingerprint,
            f"{_PREFIX}separator": _SHOWN.get(self.separator, self.separator),
            f"{_PREFIX}encoding": self.encoding,
            f"{_PREFIX}rows": str(self.rows),
        }


def folder_of(name: str, key: str) -> str:
    """Where the file `key` of a dataset is kept in the datastore.

    Every dataset has a folder of its own: Azure ML refuses to register the same definition a second time.
    """
    return f"{_FOLDER}/{name}/{key}"


def refuse_own_tags(tags: Mapping[str, str]) -> None:
    """:raises InvalidRequest: a tag has a name that is kept for `StoredFile.tags`."""
    own = [name for name in tags if name.startswith(_PREFIX)]
    if own:
        raise InvalidRequest(f"tag {own[0]!r}: names that start with {_PREFIX!r} are kept for the registration itself.")


def without_own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that people gave."""
    return {name: value for name, value in tags.items() if not name.startswith(_PREFIX)}
