"""Documents in the metadata database."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from azureml_local.paths import Home
from azureml_local.store.database import Database
from azureml_local.store.documents import DocumentStore
from azureml_local.store.schema import SCHEMA_VERSION
from azureml_workspace.errors import Conflict, NotFound

pytestmark = pytest.mark.unit


@pytest.fixture
def store(database: Database) -> DocumentStore:
    return DocumentStore(database)


def test_documents_survive_a_new_server(store: DocumentStore, home: Home) -> None:
    made = store.write("a/b", {"n": 1}, expected=None)
    again = DocumentStore(Database(home.database))
    assert again.read("a/b") == made
    assert again.write("a/b", {"n": 2}, expected=made.etag).content == {"n": 2}
    with pytest.raises(Conflict):
        store.write("a/b", {"n": 3}, expected=made.etag)


def test_one_of_many_replaces_a_document(store: DocumentStore) -> None:
    seen = store.write("a", {"by": -1}, expected=None).etag

    def replace(number: int) -> bool:
        try:
            store.write("a", {"by": number}, expected=seen)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as writers:
        won = [number for number, did in enumerate(writers.map(replace, range(40))) if did]
    assert [store.read("a").content["by"]] == won


def test_a_repeated_write_finds_that_it_was_done(store: DocumentStore) -> None:
    first = store.write("a", {"n": 1}, expected=None, etag="1" * 32)
    assert store.write("a", {"n": 1}, expected=None, etag="1" * 32) == first
    second = store.write("a", {"n": 2}, expected=first.etag, etag="2" * 32)
    assert store.write("a", {"n": 2}, expected=first.etag, etag="2" * 32) == second
    with pytest.raises(Conflict):
        store.write("a", {"n": 1}, expected=None, etag="1" * 32)


def test_a_refused_write_changes_nothing(store: DocumentStore) -> None:
    first = store.write("a", {"n": 1}, expected=None)
    with pytest.raises(Conflict):
        store.write("a", {"n": 2}, expected="other")
    with pytest.raises(NotFound):
        store.write("b", {"n": 2}, expected=first.etag)
    assert store.read("a") == first
    with pytest.raises(NotFound):
        store.read("b")


def test_a_list_is_read_without_the_contents(store: DocumentStore, home: Home) -> None:
    store.write("a/b", {"n": 1}, expected=None)
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE documents SET content = 'no JSON'")
    assert [entry.path for entry in store.entries("a")] == ["a/b"]


def test_a_folder_of_version_2_gets_the_table(home: Home) -> None:
    Database(home.database).close()
    with sqlite3.connect(home.database) as connection:
        connection.execute("DROP TABLE documents")
        connection.execute("PRAGMA user_version = 2")
    store = DocumentStore(Database(home.database))
    store.write("a", {}, expected=None)
    assert store.read("a").content == {}
    with sqlite3.connect(home.database) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
