from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from azureml_workspace.errors import StorageFull
from azureml_workspace.whole_file import whole_file

pytestmark = pytest.mark.unit


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file may be longer than 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_content_is_there_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"old")
    with whole_file(file) as stream:
        stream.write(b"new")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), whole_file(tmp_path / "a.csv") as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_no_room_leaves_nothing(tmp_path: Path, little_room: None) -> None:
    with pytest.raises(StorageFull, match=r"a\.csv"), whole_file(tmp_path / "a.csv") as stream:
        stream.write(b"x" * 2000)
    assert list(tmp_path.iterdir()) == []


def test_the_longest_name(tmp_path: Path) -> None:
    file = tmp_path / ("k" * 255)
    with whole_file(file) as stream:
        stream.write(b"1")
    assert list(tmp_path.iterdir()) == [file]
