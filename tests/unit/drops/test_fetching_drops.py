from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from azureml_drops.fetching import FetchedDrop, fetch_drop
from azureml_drops.finding import find_drop
from azureml_drops.pattern import DropPattern
from azureml_drops.storage import LocalStorage, StorageEntry
from azureml_drops.transfer import DownloadLimits
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

pytestmark = pytest.mark.unit

LIMITS = DownloadLimits(max_bytes=1_000_000, seconds=60)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def folder_of(tmp_path: Path, **files: bytes) -> DropPattern:
    (tmp_path / "drops" / "a").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "drops" / "a" / f"{name}.csv").write_bytes(content)
    return DropPattern.parse(f"{tmp_path}/drops/{{key}}/")


def fetch(pattern: DropPattern, target: Path, storage: LocalStorage | None = None, **options: Any) -> FetchedDrop:
    storage = storage or LocalStorage()
    found = find_drop(pattern, storage, "a")
    assert found is not None
    return fetch_drop(pattern, found, storage, target, **{"limits": LIMITS, **options})


def fetched_bytes(pattern: DropPattern, target: Path, **options: Any) -> bytes:
    fetched = fetch(pattern, target, **options)
    content = Path(fetched.path).read_bytes()
    assert fetched.fingerprint == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert fetched.bytes == len(content)
    return content


@pytest.mark.parametrize("content", [b"a,b\n1,2\n3,4\n", b"a,b\n1,2\n3,4", b"\xef\xbb\xbfa;b\r\n1;2\r\n3;4\r\n"])
def test_a_file_comes_as_it_is(tmp_path: Path, target: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    pattern = DropPattern.parse(f"{tmp_path}/{{key}}.csv")
    assert fetched_bytes(pattern, target) == content
    assert fetch(pattern, target).rows_hint == 2


def test_a_folder_comes_as_one_file_with_one_header(tmp_path: Path, target: Path) -> None:
    pattern = folder_of(tmp_path, p2=b"a,b\n3,4\n", p1=b"\xef\xbb\xbfa,b\r\n1,2", p3=b'"a", b\n', p4=b"a,b\n5,6")
    assert fetched_bytes(pattern, target) == b"a,b\r\n1,2\n3,4\n5,6\n"
    assert fetch(pattern, target).rows_hint == 3


def test_a_first_file_of_a_header_alone_does_not_swallow_the_rows(tmp_path: Path, target: Path) -> None:
    assert fetched_bytes(folder_of(tmp_path, p1=b"a,b", p2=b"a,b\n3,4"), target) == b"a,b\n3,4\n"


def test_a_header_may_have_a_line_break_in_a_name(tmp_path: Path, target: Path) -> None:
    header = b'"a\nx",b\n'
    assert fetched_bytes(folder_of(tmp_path, p1=header + b"1,2\n", p2=header + b"3,4\n"), target) == (
        header + b"1,2\n3,4\n"
    )


def test_files_are_joined_in_their_encoding(tmp_path: Path, target: Path) -> None:
    files = {"p1": "a;ß\n1;ä\n".encode("utf-16"), "p2": "a;ß\n2;ö\n".encode("utf-16")}
    content = fetched_bytes(folder_of(tmp_path, **files), target, encoding="utf-16", separator=";")
    assert content.decode("utf-16") == "a;ß\n1;ä\n2;ö\n"


def test_a_large_folder_is_joined_in_pieces(tmp_path: Path, target: Path) -> None:
    rows = b"".join(b"%d,x\n" % number for number in range(200_000))
    pattern = folder_of(tmp_path, p1=b"a,b\n" + rows, p2=b"a,b\n" + rows)
    limits = DownloadLimits(max_bytes=10_000_000, seconds=60)
    assert fetched_bytes(pattern, target, limits=limits) == b"a,b\n" + rows + rows


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (b"a,c,d\n1,2,3\n", "missing 'b'; not expected 'c', 'd'"),
        (b"a\n1\n", "missing 'b'."),
        (b"b,a\n1,2\n", "the same columns in another order"),
        (b"", "has no header"),
    ],
)
def test_another_header_is_refused_with_files_and_columns(
    tmp_path: Path, target: Path, second: bytes, says: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch(folder_of(tmp_path, p1=b"a,b\n1,2\n", p2=second), target)
    assert "/drops/a/p2.csv" in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"encoding": "utf-8"}, "p1.csv cannot be read as utf-8"),
        ({"encoding": "klingon"}, "encoding is 'klingon'"),
        ({"encoding": "base64"}, "encoding is 'base64'"),
        ({"encoding": "latin-1", "separator": "ab"}, "check the separator, 'ab'"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, target: Path, options: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch(folder_of(tmp_path, p1="a,ß\n1,ä\n".encode("latin-1")), target, **options)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["{key}.csv", "{key}/"])
def test_more_than_the_limit_is_refused(tmp_path: Path, target: Path, text: str) -> None:
    content = b"a,b\n" + b"1,2\n" * 100
    pattern = folder_of(tmp_path, p1=content, p2=content)
    (tmp_path / "drops" / "a.csv").write_bytes(content * 2)
    with pytest.raises(InvalidRequest, match="raise max_download_mb"):
        fetch(DropPattern.parse(f"{tmp_path}/drops/{text}"), target, limits=DownloadLimits(max_bytes=500, seconds=60))
    assert pattern.is_folder


def test_too_slow_may_be_tried_again(tmp_path: Path, target: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="within 0 s"):
        fetch(folder_of(tmp_path, p1=b"a,b\n"), target, limits=DownloadLimits(max_bytes=500, seconds=0))


class Changing(LocalStorage):
    """Files that somebody touches while they are read."""

    def __init__(self, *changes: tuple[Path, bytes | None]) -> None:
        self.changes = list(changes)

    def open_file(self, path: str) -> BinaryIO:
        content = super().open_file(path).read()
        for changed, written in self.changes:
            if written is None:
                changed.unlink()
            else:
                changed.write_bytes(written)
        self.changes = []
        return BytesIO(content)

    def list_files(self, folder: str, *, levels: int) -> Iterable[StorageEntry]:
        return list(super().list_files(folder, levels=levels))


@pytest.mark.parametrize("written", [b"a,b\n1,2\n3,4\n", None])
def test_a_file_that_changes_while_it_is_read_may_be_tried_again(
    tmp_path: Path, target: Path, written: bytes | None
) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(ServiceUnavailable, match=r"drop a at .* changed while it was read"):
        fetch(DropPattern.parse(f"{tmp_path}/{{key}}.csv"), target, Changing((tmp_path / "a.csv", written)))


@pytest.mark.parametrize(
    ("name", "written"), [("p1.csv", b"a,b\n9,9\n"), ("p2.csv", None), ("p3.csv", b"a,b\n"), ("p1.csv", None)]
)
def test_a_folder_that_changes_while_it_is_read_may_be_tried_again(
    tmp_path: Path, target: Path, name: str, written: bytes | None
) -> None:
    pattern = folder_of(tmp_path, p1=b"a,b\n1,2\n", p2=b"a,b\n3,4\n")
    os.utime(tmp_path / "drops" / "a" / "p1.csv", (1, 1))
    with pytest.raises(ServiceUnavailable, match="changed while it was read"):
        fetch(pattern, target, Changing((tmp_path / "drops" / "a" / name, written)))


def test_what_is_not_read_may_change(tmp_path: Path, target: Path) -> None:
    pattern = folder_of(tmp_path, p1=b"a,b\n1,2\n")
    ignored = tmp_path / "drops" / "a" / "_SUCCESS"
    assert fetch(pattern, target, Changing((ignored, b""))).rows_hint == 1
