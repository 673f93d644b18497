"""Everything that is no delimited text: a clear error, and nothing left behind."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, Any

import pytest

from azureml_workspace.data.ingestion import ingest
from azureml_workspace.errors import InvalidRequest, StorageFull

pytestmark = pytest.mark.unit


def _refused(source: Path, target: Path, *expected: str, **options: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ingest(source, target, **options)
    for text in expected:
        assert text in str(caught.value)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ("source.csv", "empty (0 bytes)")),
        (b" \n\r\n\t", ("nothing but white space",)),
        (b"\xef\xbb\xbf\n", ("nothing but white space",)),
        (b"a,b,c\n", ("a header of 3 columns and no rows",)),
        (b"a,b,c", ("a header of 3 columns and no rows",)),
        (b"a,b,c\r\n\r\n\n", ("a header of 3 columns and no rows",)),
        (b"a,b,a,c,b\n1,2,3,4,5\n", ("names 'a', 'b' more than once",)),
        (b"a, a\n1,2\n", ("names 'a' more than once",)),
        (b",a,b\n0,1,2\n", ("column 1 of 3 has no name", "index=False")),
        (b"a,b,\n1,2,\n", ("column 3 of 3 has no name",)),
        (b"a;b;c\n1;2;3\n", ("one column when split at ','", '2 ";"', 'separator=";"')),
        (b"a\tb\n1\t2\n", (r'separator="\t"',)),
        (b"a|b\n1|2\n", ('separator="|"',)),
        (b"a,b\n1,2\n1,2,3\n4,5\n", ("line 3", "found 3 fields where the header has 2", "'1,2,3'")),
        (b"a,b\n1,2\n\n1\n", ("line 4", "found 1 fields where the header has 2")),
        (b'a,b\r\n1,"2\r\n2"\r\n1,2,3\r\n', ("line 4", "found 3 fields")),
        (b'a,b\n1,"never closed\n3,4\n5,6\n', ("quotation mark is opened", "never closed")),
        (b"a,b\n1,\x00\n", ("NUL character in line 2", 'encoding="utf-16"')),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), ("gzip archive", "gunzip")),
        (b"PK\x03\x04rest", ("Excel workbook (.xlsx)", "save the sheet as CSV")),
        (b"PAR1rest", ("parquet file",)),
        (b"%PDF-1.7", ("PDF",)),
        (b"<!DOCTYPE html><html>", ("web page",)),
        (b'{"a": 1}\n', ("JSON",)),
        ("a,b\n1,2\n".encode("utf-16"), ("byte order mark of utf-16", 'encoding="utf-16"')),
    ],
)
def test_content_refused(content: bytes, expected: tuple[str, ...], tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_bytes(content)
    _refused(source, target, *expected)


def test_missing_file(tmp_path: Path, target: Path) -> None:
    _refused(tmp_path / "no.csv", target, "no.csv", "does not exist")
    _refused(tmp_path / "no\0.csv", target, "does not exist")


def test_folder(tmp_path: Path, target: Path) -> None:
    _refused(tmp_path, target, str(tmp_path), "is a folder")


def test_device(target: Path) -> None:
    _refused(Path("/dev/null"), target, "regular file")


def test_unreadable_file(tmp_path: Path, target: Path, monkeypatch: Any) -> None:
    """Root may read everything, so the system's answer is given for it."""
    source = tmp_path / "secret.csv"
    source.write_text("a,b\n1,2\n")
    monkeypatch.setattr("os.access", lambda path, mode: path != source)
    _refused(source, target, "may not be read")


@pytest.mark.parametrize("before", [0, (1 << 20) - 7, 3 << 20])
def test_not_utf8_names_offset_line_and_remedy(before: int, tmp_path: Path, target: Path) -> None:
    """Also where the bad byte is cut off from its line's start by the end of a chunk."""
    head = b"a,b\n" + b"1,2\n" * (before // 4)
    source = tmp_path / "source.csv"
    source.write_bytes(head + "caf\u00e9,3\n".encode("cp1252"))
    offset, line = len(head) + 3, head.count(b"\n") + 1
    _refused(source, target, "0xe9", f"offset {offset}", f"line {line}", 'encoding="cp1252"', 'encoding="latin-1"')


def test_character_cut_by_a_chunk_is_no_error(ingest_text: Any) -> None:
    head = b"a,b\n"
    filler = b"x" * ((1 << 20) - len(head) - 1)
    assert ingest_text(head + filler + "\u20ac,1\n".encode()).rows == 1


def test_truncated_character_at_the_end(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_bytes(b"a,b\n1,\xe2\x82")
    _refused(source, target, "offset 6", "line 2")


@pytest.mark.parametrize("encoding", ["klingon", "", "base64", "rot13", "hex", "a\0b", "undefined"])
def test_encoding_refused(encoding: str, tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_bytes(b"a,b\n1,2\n")
    _refused(source, target, encoding.replace("\0", "\\x00"), encoding=encoding)


@pytest.mark.parametrize("separator", ["", ";;", '"', "\n", "\r", "\0", "\u00a6"])
def test_separator_refused(separator: str, tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_bytes(b"a,b\n1,2\n")
    _refused(source, target, repr(separator), "one ASCII character", separator=separator)


def test_wrong_separator_given_for_a_comma_file(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_bytes(b"a,b\n1,2\n")
    _refused(source, target, "split at ';'", 'separator=","', separator=";")


def test_record_longer_than_the_largest_block(tmp_path: Path, target: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("azureml_workspace.data.ingestion.SMALLEST_BLOCK", 1 << 10)
    monkeypatch.setattr("azureml_workspace.data.ingestion.LARGEST_BLOCK", 1 << 12)
    monkeypatch.setattr("azureml_workspace.data.records.LARGEST_BLOCK", 1 << 20)
    source = tmp_path / "source.csv"
    source.write_bytes(b'a,b\n1,2\n3,"' + b"x\n" * (1 << 16))
    _refused(source, target, "record longer than 1 MB", "never closed")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("when", [1, 2])
def test_disk_full_leaves_nothing(when: int, tmp_path: Path, target: Path, monkeypatch: Any) -> None:
    """The kernel's own ENOSPC, while the data is written and while the profile is."""
    calls = 0

    def create(path: Path) -> IO[bytes]:
        nonlocal calls
        calls += 1
        path.touch()
        return (Path("/dev/full") if calls == when else path).open("wb")

    monkeypatch.setattr("azureml_workspace.data.ingestion._create", create)
    source = tmp_path / "source.csv"
    source.write_bytes(b"a,b\n" + b"1,2\n" * 1_000)
    with pytest.raises(StorageFull, match=r"source\.csv.*nothing was kept"):
        ingest(source, target)
    assert list(target.iterdir()) == []
