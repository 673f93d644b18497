"""Files on their way to Azure ML: what is uploaded, and what is written down of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from azureml_workspace.azure_v1.prepared_file import PreparedFile, prepare
from azureml_workspace.azure_v1.stored_file import (
    CREATED_TAG,
    KEY_TAG,
    StoredFile,
    refuse_own_tags,
    without_own_tags,
)
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import DatasetSource

pytestmark = pytest.mark.unit


def prepared(folder: Path, content: bytes, **options: str) -> PreparedFile:
    source = folder / "given.csv"
    source.write_bytes(content)
    work = folder / "work"
    work.mkdir()
    return prepare("people", DatasetSource(path=str(source), **options), work)


def uploaded(found: PreparedFile) -> bytes:
    return (found.upload / found.stored.file).read_bytes()


def test_bytes_that_azure_can_read_are_uploaded(tmp_path: Path) -> None:
    content = 'stadt;n\r\n"Köln;\nDeutz";1\r\n'.encode("latin-1")
    found = prepared(tmp_path, content, separator=";", encoding="latin1")
    assert uploaded(found) == content
    stored = found.stored
    assert stored.fingerprint == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (stored.separator, stored.encoding, stored.file_encoding) == (";", "iso8859-1", "iso88591")
    assert (stored.rows, stored.multi_line) == (1, True)
    document = (found.upload / "profile.json").read_bytes()
    assert StoredFile.from_dict(_json(document)) == stored
    assert sorted(path.name for path in found.upload.iterdir()) == ["data.csv", "profile.json"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("stadt, n \nŁódź,1\n".encode("cp1250"), "cp1250"),
        ("\n\nstadt , n\nŁódź,1\n".encode(), "utf-8"),
        ('stadt,"n "\r\nŁódź,1\r\n'.encode(), "utf-8"),
        ("stadt,n\nŁódź,1\n".encode("utf-8-sig"), "utf-8"),
    ],
)
def test_others_are_written_anew(tmp_path: Path, content: bytes, encoding: str) -> None:
    found = prepared(tmp_path, content, encoding=encoding)
    assert uploaded(found).decode() == "stadt,n\nŁódź,1\n"
    assert found.stored.file_encoding == "utf8"
    assert found.stored.encoding == encoding
    assert found.stored.fingerprint == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_the_key_is_of_content_and_reading(tmp_path: Path) -> None:
    keys = set()
    for number, options in enumerate([{}, {"encoding": "UTF8"}, {"separator": ";"}, {"encoding": "latin-1"}]):
        place = tmp_path / str(number)
        place.mkdir()
        keys.add(prepared(place, b"a;b,c\n1;2,3\n", **options).stored.key)
    assert len(keys) == 3
    assert all(hashlib.sha256(b"a;b,c\n1;2,3\n").hexdigest() in key for key in keys)


def test_tags(tmp_path: Path) -> None:
    stored = prepared(tmp_path, b"a\tb\n1\t2\n", separator="\\t").stored
    tags = stored.tags("2026-11-27T12:00:00+00:00")
    assert tags[KEY_TAG] == stored.key
    assert tags[CREATED_TAG] == "2026-11-27T12:00:00+00:00"
    assert all(value == value.strip() and 0 < len(value) <= 256 for value in tags.values())
    assert without_own_tags({**tags, "drop": "7"}) == {"drop": "7"}
    refuse_own_tags({"drop": "7"})
    with pytest.raises(InvalidRequest, match="kept for the registration"):
        refuse_own_tags({KEY_TAG: "x"})


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"a,b\n1,2,3\n", {}, "people, line 2"),
        (b"a,b\n1,2\n", {"separator": "::"}, "separator"),
        (b"a,b\n1,2\n", {"encoding": "klingon"}, "klingon"),
        (b"", {}, "empty"),
    ],
)
def test_errors_are_those_of_the_local_azure_ml(
    tmp_path: Path, content: bytes, options: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        prepared(tmp_path, content, **options)


def _json(content: bytes) -> dict[str, object]:
    import json

    return dict(json.loads(content))
