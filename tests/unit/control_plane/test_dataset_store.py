from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.unit.control_plane.conftest import RegisterText

import azureml_workspace.data.ingestion
from azureml_local.paths import Home
from azureml_local.store.database import Database
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.links import Links
from azureml_local.store.uploads import Upload
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.errors import InvalidRequest, NotFound, StorageFull
from azureml_workspace.records import DatasetVersion

pytestmark = pytest.mark.unit

CSV = "age,name\n1,ann\n2,bob\n"


def test_first_registration_makes_version_one(register: RegisterText, datasets: DatasetStore) -> None:
    made = register(CSV, tags={"source": "crm"})
    assert (made.name, made.version, made.rows, made.created) == ("people", 1, 2, True)
    assert made.fingerprint == "sha256:" + hashlib.sha256(CSV.encode()).hexdigest()
    assert [(column.name, column.kind) for column in made.columns] == [("age", "integer"), ("name", "string")]
    assert made.profile_uri == "http://127.0.0.1:1/v1/datasets/people/versions/1/profile"
    assert datasets.get("people").tags == {"source": "crm"}
    assert datasets.rows("people", 1, 1) == [{"age": 1, "name": "ann"}]


def test_same_content_is_the_same_version_and_tags_are_added(register: RegisterText) -> None:
    first = register(CSV, tags={"a": "1", "b": "1"})
    again = register(CSV, tags={"b": "2"})
    assert (again.version, again.created, again.created_at) == (1, False, first.created_at)
    assert again.tags == {"a": "1", "b": "2"}


def test_other_content_is_the_next_version_and_the_latest_by_default(
    register: RegisterText, datasets: DatasetStore
) -> None:
    register(CSV)
    assert register(CSV + "3,eve\n").version == 2
    assert datasets.get("people").version == 2
    assert datasets.get("people", 1).rows == 2
    assert register(CSV).version == 1


def test_same_content_under_another_name_shares_the_files(register: RegisterText, home: Home) -> None:
    register(CSV, "people")
    other = register(CSV, "staff")
    assert (other.version, other.created, other.rows) == (1, True, 2)
    assert len(list(home.datasets.iterdir())) == 1


def test_same_bytes_read_otherwise_are_another_version(register: RegisterText, datasets: DatasetStore) -> None:
    text = "a;b,c\n1;2,3\n"
    by_comma = register(text)
    by_semicolon = register(text, text_format=TextFormat.checked(";", "utf-8"))
    assert by_comma.fingerprint == by_semicolon.fingerprint
    assert (by_comma.version, by_semicolon.version) == (1, 2)
    assert [column.name for column in datasets.get("people", 2).columns] == ["a", "b,c"]
    assert register(text, text_format=TextFormat.checked(";", "UTF8")).version == 2


def test_files_are_as_documented_and_read_only(register: RegisterText, home: Home) -> None:
    made = register(CSV)
    folder = home.dataset(made.fingerprint.removeprefix("sha256:"))
    assert {file.name for file in folder.iterdir()} == {"source", "data.parquet", "profile.json"}
    assert (folder / "source").read_bytes() == CSV.encode()
    assert all(file.stat().st_mode & 0o222 == 0 for file in folder.iterdir())


@pytest.mark.parametrize("name", ["", ".", "../evil", "a/b", "-x", "ü", "a" * 256])
def test_names_that_cannot_be(datasets: DatasetStore, name: str) -> None:
    with pytest.raises(InvalidRequest, match="dataset name"):
        datasets.upload(name)


@pytest.mark.parametrize(("separator", "encoding", "word"), [(";;", "utf-8", "separator"), (",", "klingon", "klingon")])
def test_readings_that_cannot_be(separator: str, encoding: str, word: str) -> None:
    with pytest.raises(InvalidRequest, match=word):
        TextFormat.checked(separator, encoding)


def test_unreadable_content_leaves_nothing(register: RegisterText, datasets: DatasetStore, home: Home) -> None:
    with pytest.raises(InvalidRequest, match="people"):
        register("a,b\n1,2\n3\n")
    assert list(home.datasets.iterdir()) == []
    with pytest.raises(NotFound, match="people"):
        datasets.get("people")


def test_no_such_version_is_said(register: RegisterText, datasets: DatasetStore) -> None:
    register(CSV)
    with pytest.raises(NotFound, match="version 9 of dataset 'people'"):
        datasets.get("people", 9)


def test_full_disk_while_receiving(datasets: DatasetStore, home: Home) -> None:
    with datasets.upload("people") as upload:
        upload._stream.close()
        upload._stream = Path("/dev/full").open("wb")  # noqa: SIM115
        with pytest.raises(StorageFull, match="Free space"):
            upload.write(b"x" * 1_000_000)
    assert list(home.datasets.iterdir()) == []


def test_full_disk_while_ingesting(register: RegisterText, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azureml_workspace.data.ingestion, "ingest", _no_room)
    with pytest.raises(StorageFull):
        register(CSV)
    assert list(home.datasets.iterdir()) == []


def test_failed_commit_takes_the_files_back(
    register: RegisterText, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(DatasetStore, "_add_version", _no_room)
        with pytest.raises(OSError, match="No space"):
            register(CSV)
    assert list(home.datasets.iterdir()) == []
    assert register(CSV).version == 1


def test_content_without_a_name_is_swept(register: RegisterText, datasets: DatasetStore, home: Home) -> None:
    kept = register(CSV).fingerprint.removeprefix("sha256:")
    (home.datasets / "0123").mkdir()
    (home.datasets / ".tmp-1").mkdir()
    assert home.sweep() == 1
    datasets.remove_unnamed_content()
    assert [folder.name for folder in home.datasets.iterdir()] == [kept]


def test_content_left_by_a_killed_server_is_ingested_anew(register: RegisterText, home: Home) -> None:
    key = hashlib.sha256(CSV.encode()).hexdigest()
    home.dataset(key).mkdir()
    assert register(CSV).rows == 2


def test_two_uploads_of_one_content_at_once_give_one_version(
    register: RegisterText, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = azureml_workspace.data.ingestion.ingest
    calls: list[int] = []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return real(*args, **options)

    monkeypatch.setattr(azureml_workspace.data.ingestion, "ingest", counted)
    together = threading.Barrier(8)
    made: list[DatasetVersion] = []

    def upload() -> None:
        together.wait()
        made.append(register(CSV))

    threads = [threading.Thread(target=upload) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {version.version for version in made} == {1}
    assert sum(version.created for version in made) == 1
    assert len(calls) == 1
    assert len(list(home.datasets.iterdir())) == 1


def test_versions_survive_a_new_server(register: RegisterText, home: Home, database: Database, links: Links) -> None:
    made: DatasetVersion = register(CSV)
    database.close()
    again = DatasetStore(home, Database(home.database), links).get("people")
    assert again.created_at == made.created_at
    assert again.columns == made.columns


def test_an_upload_that_is_given_up_leaves_nothing(home: Home) -> None:
    with suppress(KeyboardInterrupt), Upload(home.datasets, "people") as upload:
        upload.write(b"half of it")
        raise KeyboardInterrupt
    assert list(home.datasets.iterdir()) == []


def _no_room(*args: Any, **options: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_database_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InvalidRequest, match="schema version 99"):
        Database(path)


@pytest.mark.parametrize("name", ["data.parquet", "profile.json", "source", "received", "a" * 255])
def test_a_dataset_may_have_any_valid_name(
    home: Home, datasets: DatasetStore, register: RegisterText, name: str
) -> None:
    text = "x,y\n1,a\n2,b\n"
    made = register(text, name)
    assert made.rows == 2
    folder = home.dataset(made.fingerprint.removeprefix("sha256:"))
    assert sorted(file.name for file in folder.iterdir()) == ["data.parquet", "profile.json", "source"]
    assert (folder / "source").read_text() == text
    assert datasets.rows(name, 1, 5) == [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]


def test_a_tab_may_be_given_as_a_form_gives_it(register: RegisterText) -> None:
    text = "x\ty\n1\ta\n"
    given_by_a_form = register(text, text_format=TextFormat.checked("\\t", "utf-8"))
    assert [column.name for column in given_by_a_form.columns] == ["x", "y"]
    assert register(text, text_format=TextFormat.checked("\t", "utf-8")).created is False
