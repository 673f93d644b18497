from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from azureml_drops.finding import find_drop, find_drops
from azureml_drops.pattern import DropPattern
from azureml_drops.storage import LocalStorage
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

STORAGE = LocalStorage()


def write(path: Path, text: str = "a,b\n1,2\n", *, age: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    written = path.stat().st_mtime - age
    os.utime(path, (written, written))
    return path


def test_drops_are_found_by_key_whatever_else_is_there(tmp_path: Path) -> None:
    pattern = DropPattern.parse(f"{tmp_path}/{{date}}.csv")
    for name in ["2026-11-02.csv", "2026-11-01.csv", "2026-11-31.csv", "notes.txt", ".2026-11-03.csv", "_SUCCESS"]:
        write(tmp_path / name)
    write(tmp_path / "2026-11-04.csv" / "part.csv")
    write(tmp_path / "deeper" / "2026-11-05.csv")
    found = find_drops(pattern, STORAGE)
    assert [drop.key for drop in found] == ["2026-11-01", "2026-11-02"]
    assert found[0] == find_drop(pattern, STORAGE, "2026-11-01")
    assert (found[0].path, found[0].bytes, found[0].is_folder) == (f"{tmp_path}/2026-11-01.csv", 8, False)
    assert find_drop(pattern, STORAGE, "2026-11-04") is None


def test_a_folder_is_a_drop_of_its_csv_files_by_name(tmp_path: Path) -> None:
    pattern = DropPattern.parse(f"{tmp_path}/{{date:%Y/%m/%d}}/")
    day = tmp_path / "2026" / "11" / "01"
    for name in ["b.csv", "a.CSV", "_SUCCESS", ".c.csv", "_d.csv", "e.csv.tmp", "f.csv.part", "notes.txt", "g.tmp"]:
        write(day / name)
    write(day / "deeper" / "h.csv")
    write(tmp_path / "2026" / "11" / "02" / "_SUCCESS")
    (tmp_path / "2026" / "11" / "03").mkdir()
    (found,) = find_drops(pattern, STORAGE)
    assert (found.key, found.path, found.is_folder) == ("2026-11-01", f"{day}/", True)
    assert [Path(file.path).name for file in found.files] == ["a.CSV", "b.csv"]
    assert found == find_drop(pattern, STORAGE, "2026-11-01")
    assert [find_drop(pattern, STORAGE, f"2026-11-0{day}") for day in (2, 3, 4)] == [None] * 3


def test_half_written_files_are_no_drops_even_if_the_pattern_takes_any_name(tmp_path: Path) -> None:
    pattern = DropPattern.parse(f"{tmp_path}/{{key}}")
    for name in ["calls", "calls.tmp", "calls.PART"]:
        write(tmp_path / name)
    assert [drop.key for drop in find_drops(pattern, STORAGE)] == ["calls"]
    assert find_drop(pattern, STORAGE, "calls.tmp") is None


def test_a_drop_is_there_when_none_of_its_files_was_written_lately(tmp_path: Path) -> None:
    files, folders = DropPattern.parse(f"{tmp_path}/{{key}}.csv"), DropPattern.parse(f"{tmp_path}/{{key}}/")
    write(tmp_path / "old.csv", age=60)
    write(tmp_path / "new.csv")
    write(tmp_path / "settled" / "a.csv", age=60)
    write(tmp_path / "growing" / "a.csv", age=60)
    last = write(tmp_path / "growing" / "b.csv")
    assert [drop.key for drop in find_drops(files, STORAGE, settle_seconds=30)] == ["old"]
    assert [drop.key for drop in find_drops(folders, STORAGE, settle_seconds=30)] == ["settled"]
    assert find_drop(folders, STORAGE, "growing", settle_seconds=30) is None
    later = datetime.fromtimestamp(last.stat().st_mtime, UTC) + timedelta(seconds=30)
    assert find_drop(folders, STORAGE, "growing", settle_seconds=30, now=later) is not None
    assert len(find_drops(files, STORAGE)) == len(find_drops(folders, STORAGE)) == 2


def test_no_folder_is_no_drops_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("missing", "file"):
        pattern = DropPattern.parse(f"{tmp_path}/{folder}/{{key}}.csv")
        assert find_drops(pattern, STORAGE) == []
        assert find_drop(pattern, STORAGE, "a") is None


def test_the_state_of_content_changes_with_size_time_and_files(tmp_path: Path) -> None:
    pattern = DropPattern.parse(f"{tmp_path}/{{key}}/")

    def state() -> str:
        found = find_drop(pattern, STORAGE, "a")
        assert found is not None
        return found.content_state

    write(tmp_path / "a" / "1.csv", age=60)
    states = [state(), state()]
    write(tmp_path / "a" / "1.csv", "a,b\n1,3\n", age=50)
    states.append(state())
    write(tmp_path / "a" / "2.csv", age=60)
    states.append(state())
    assert states[0] == states[1]
    assert len(set(states)) == 3


def test_a_link_to_a_file_counts_and_a_broken_one_does_not(tmp_path: Path) -> None:
    outside = write(tmp_path / "elsewhere" / "x.csv")
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / "a.csv").symlink_to(outside)
    (tmp_path / "drops" / "b.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "drops" / "loop").symlink_to(tmp_path / "drops")
    pattern = DropPattern.parse(f"{tmp_path}/drops/{{key}}.csv")
    assert [drop.key for drop in find_drops(pattern, STORAGE)] == ["a"]


@pytest.mark.parametrize("pattern", ["{date}.csv", "{date}/calls.csv", "{date}/"])
def test_a_link_that_leads_to_itself_hides_no_other_drop(tmp_path: Path, pattern: str) -> None:
    loop = tmp_path / DropPattern.parse(pattern).path_of("2026-11-01").split("/")[0]
    loop.symlink_to(loop.name)
    parsed = DropPattern.parse(f"{tmp_path}/{pattern}")
    other = Path(parsed.path_of("2026-11-02")) / ("part.csv" if parsed.is_folder else "")
    other.parent.mkdir(exist_ok=True)
    other.write_text("a\n1\n")
    assert [drop.key for drop in find_drops(parsed, STORAGE)] == ["2026-11-02"]
    assert find_drop(parsed, STORAGE, "2026-11-01") is None


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    pattern = DropPattern.parse(f"{tmp_path}/{{key}}.csv")
    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(Path, "stat", refuse)
    for look in (lambda: find_drops(pattern, STORAGE), lambda: find_drop(pattern, STORAGE, "a")):
        with pytest.raises(InvalidRequest, match=r"cannot be read \(Permission denied\); let the user"):
            look()


def test_a_pattern_without_a_folder_means_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("a.csv"))
    (found,) = find_drops(DropPattern.parse("{key}.csv"), STORAGE)
    assert found == find_drop(DropPattern.parse("./{key}.csv"), STORAGE, "a")
