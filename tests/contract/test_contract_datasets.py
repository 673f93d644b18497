from __future__ import annotations

import csv
import hashlib
import resource
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.conftest import LABEL, Trained, write_rows

from azureml_workspace.errors import InvalidRequest, NotFound, StorageFull
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetSource

pytestmark = pytest.mark.contract


def source(path: Path, text: str | bytes, **options: str) -> DatasetSource:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return DatasetSource(path=str(path), **options)


def test_the_workspace_says_who_it_is(workspace: Workspace) -> None:
    assert workspace.ping().strip()


def test_register(workspace: Workspace, tmp_path: Path) -> None:
    content = "n,x,flag,day,word\n1,1.5,true,2026-11-21,a\n2,,false,2026-11-22,b\n"
    dataset = workspace.register_dataset("contract-kinds", source(tmp_path / "a.csv", content), tags={"drop": "7"})
    assert (dataset.name, dataset.version, dataset.rows, dataset.created) == ("contract-kinds", 1, 2, True)
    assert dataset.fingerprint == f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    assert dataset.tags == {"drop": "7"}
    assert dataset.profile_uri
    kinds = {column.name: (column.kind, column.nullable) for column in dataset.columns}
    assert kinds == {
        "n": ("integer", False),
        "x": ("number", True),
        "flag": ("boolean", False),
        "day": ("datetime", False),
        "word": ("string", False),
    }


def test_the_same_content_is_the_same_version(workspace: Workspace, tmp_path: Path) -> None:
    first = workspace.register_dataset("contract-again", source(tmp_path / "a.csv", "a,b\n1,2\n"))
    again = workspace.register_dataset("contract-again", source(tmp_path / "b.csv", "a,b\n1,2\n"))
    assert (again.version, again.fingerprint, again.created) == (first.version, first.fingerprint, False)
    other = workspace.register_dataset("contract-again", source(tmp_path / "a.csv", "a,b\n1,3\n"))
    assert (other.version, other.created) == (first.version + 1, True)
    back = workspace.register_dataset("contract-again", source(tmp_path / "a.csv", "a,b\n1,2\n"))
    assert back.version == first.version
    assert workspace.get_dataset("contract-again").version == other.version
    assert workspace.get_dataset("contract-again", first.version).fingerprint == first.fingerprint


def test_names_of_datasets(workspace: Workspace, tmp_path: Path) -> None:
    for name, text in (("contract-listed-b", "a,b\n1,2\n"), ("contract-listed-a", "a,b\n1,2\n")):
        workspace.register_dataset(name, source(tmp_path / "a.csv", text))
    names = workspace.list_dataset_names()
    assert [name for name in names if name.startswith("contract-listed")] == ["contract-listed-a", "contract-listed-b"]
    assert names == sorted(set(names))


def test_profile_of_a_version(workspace: Workspace, tmp_path: Path) -> None:
    text = "n,word\n1,a\n3,a\n5,b\n"
    version = workspace.register_dataset("contract-profile", source(tmp_path / "a.csv", text)).version
    profile = workspace.dataset_profile("contract-profile", version)
    number, word = profile.columns
    assert (profile.rows, profile.duplicate_rows) == (3, 0)
    assert number.numbers is not None
    assert (number.name, number.numbers.minimum, number.numbers.maximum, number.numbers.mean) == ("n", 1, 5, 3)
    assert [(value.value, value.count) for value in word.top_values] == [("a", 2), ("b", 1)]
    with pytest.raises(NotFound):
        workspace.dataset_profile("contract-profile", 99)


def test_names_are_apart(workspace: Workspace, tmp_path: Path) -> None:
    one = workspace.register_dataset("contract-one", source(tmp_path / "a.csv", "a,b\n5,6\n"))
    two = workspace.register_dataset("contract-two", source(tmp_path / "a.csv", "a,b\n5,6\n"))
    assert (one.version, two.version) == (1, 1)
    assert two.created


def test_separator_and_encoding(workspace: Workspace, tmp_path: Path) -> None:
    text = "stadt;n\nKöln;1\nMünchen;2\n".encode("latin-1")
    options = {"separator": ";", "encoding": "latin-1"}
    dataset = workspace.register_dataset("contract-latin", source(tmp_path / "a.csv", text, **options))
    assert workspace.take_rows("contract-latin", dataset.version, 5) == [
        {"stadt": "Köln", "n": 1},
        {"stadt": "München", "n": 2},
    ]


def test_take_rows(workspace: Workspace, trained: Trained) -> None:
    rows = workspace.take_rows(trained.dataset.name, trained.dataset.version, 3)
    assert len(rows) == 3
    assert set(rows[0]) == {"visits", "colour", "price", LABEL}
    assert isinstance(rows[0]["visits"], int)
    assert isinstance(rows[0]["price"], float)


@pytest.mark.parametrize(
    ("case", "content", "options"),
    [
        ("empty", b"", {}),
        ("header-only", b"a,b\n", {}),
        ("twice", b"a,a\n1,2\n", {}),
        ("ragged", b"a,b\n1,2\n1,2,3\n", {}),
        ("not-utf8", "a,b\nK\xf6ln,1\n".encode("latin-1"), {}),
        ("codec", b"a,b\n1,2\n", {"encoding": "no-such-codec"}),
        ("separator", b"a,b\n1,2\n", {"separator": "::"}),
    ],
)
def test_unreadable_files_leave_nothing(
    workspace: Workspace, tmp_path: Path, case: str, content: bytes, options: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest):
        workspace.register_dataset(f"contract-bad-{case}", source(tmp_path / "a.csv", content, **options))
    with pytest.raises(NotFound):
        workspace.get_dataset(f"contract-bad-{case}")


def test_missing_file(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="nowhere"):
        workspace.register_dataset("contract-none", DatasetSource(path=str(tmp_path / "nowhere.csv")))


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a b"])
def test_bad_names(workspace: Workspace, tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / "a.csv", 3)
    with pytest.raises(InvalidRequest):
        workspace.register_dataset(name, DatasetSource(path=str(tmp_path / "a.csv")))


def test_all_versions_of_a_dataset(workspace: Workspace, tmp_path: Path) -> None:
    name = "contract-versions"
    assert workspace.list_dataset_versions(name) == []
    with pytest.raises(InvalidRequest):
        workspace.list_dataset_versions("a/b")
    made = [
        workspace.register_dataset(name, source(tmp_path / "a.csv", f"a,b\n1,{n}\n"), tags={"drop": str(n)})
        for n in range(3)
    ]
    workspace.register_dataset(f"{name}-other", source(tmp_path / "a.csv", "a,b\n1,9\n"))
    found = workspace.list_dataset_versions(name)
    assert found == [replace(version, created=False) for version in made]
    assert [version.tags for version in found] == [{"drop": "0"}, {"drop": "1"}, {"drop": "2"}]


def test_registering_known_content_adds_its_tags(workspace: Workspace, tmp_path: Path) -> None:
    file = source(tmp_path / "a.csv", "a,b\n1,7\n")
    workspace.register_dataset("contract-tags", file, tags={"kept": "1", "changed": "old"})
    again = workspace.register_dataset("contract-tags", file, tags={"changed": "new", "added": "2"})
    assert again.tags == {"kept": "1", "changed": "new", "added": "2"}
    assert workspace.register_dataset("contract-tags", file).tags == again.tags
    assert workspace.list_dataset_versions("contract-tags") == [workspace.get_dataset("contract-tags")]
    assert workspace.get_dataset("contract-tags").tags == again.tags


@pytest.mark.parametrize(
    ("separator", "encoding", "multi_line"),
    [(",", "utf-8", False), (";", "latin-1", False), ("\t", "utf-16", True), (";", "cp1252", True)],
)
def test_download(workspace: Workspace, tmp_path: Path, separator: str, encoding: str, multi_line: bool) -> None:
    lines = ["stadt;n", "Köln;1", "Münster;2", '"zwei\nZeilen";3' if multi_line else "Ulm;3"]
    text = "\n".join(lines).replace(";", separator).encode(encoding)
    name = f"contract-download-{ord(separator)}-{encoding}"
    given = source(tmp_path / "given.csv", text, separator=separator, encoding=encoding)
    version = workspace.register_dataset(name, given).version
    folder = tmp_path / "there"
    folder.mkdir()
    file = workspace.download_dataset(name, version, folder)
    assert [Path(file.path)] == list(folder.iterdir())
    with Path(file.path).open(encoding=file.encoding, newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=file.separator))
    assert rows == [
        {"stadt": "Köln", "n": "1"},
        {"stadt": "Münster", "n": "2"},
        {"stadt": "zwei\nZeilen" if multi_line else "Ulm", "n": "3"},
    ]
    assert workspace.download_dataset(name, version, folder) == file
    assert [Path(file.path)] == list(folder.iterdir())


def test_what_cannot_be_downloaded_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        workspace.download_dataset("contract-nobody", 1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_a_download(workspace: Workspace, tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", 400)
    dataset = workspace.register_dataset("contract-room", DatasetSource(path=str(tmp_path / "a.csv")))
    folder = tmp_path / "there"
    folder.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(StorageFull):
            workspace.download_dataset("contract-room", dataset.version, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(folder.iterdir()) == []


def test_unknown(workspace: Workspace, trained: Trained) -> None:
    with pytest.raises(NotFound):
        workspace.get_dataset("contract-nobody")
    with pytest.raises(NotFound):
        workspace.get_dataset(trained.dataset.name, 99)
    with pytest.raises(NotFound):
        workspace.take_rows(trained.dataset.name, 99, 1)
