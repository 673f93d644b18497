"""Documents that others change too, and the text that is kept of them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from azureml_workspace import documents
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, ServiceUnavailable
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Document, document_content, document_text, validate_document_path

pytestmark = pytest.mark.unit


class Shelf:
    """The documents of a workspace in memory. `before_write` happens when a write has arrived and is not done yet."""

    def __init__(self) -> None:
        self.kept: dict[str, Document] = {}
        self.writes = 0
        self.loses_answers = 0
        self._numbers = itertools.count(1)

    def read_document(self, path: str) -> Document:
        if path not in self.kept:
            raise NotFound(path)
        return self.kept[path]

    def write_document(self, path: str, content: dict[str, Any], *, expected: str | None) -> Document:
        self.writes += 1
        self.before_write()
        found = self.kept.get(path)
        if found is None and expected is not None:
            raise NotFound(path)
        if found is not None and found.etag != expected:
            raise Conflict(path)
        self.put(path, content)
        if self.loses_answers:
            self.loses_answers -= 1
            raise Conflict(path)  # what a repeated request is told
        return self.kept[path]

    def put(self, path: str, content: dict[str, Any]) -> None:
        etag = str(next(self._numbers))
        self.kept[path] = Document(path=path, etag=etag, updated_at=datetime.now(UTC), content=content)

    def before_write(self) -> None:
        """Nothing, by itself."""


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(documents.time, "sleep", lambda _: None)
    return Shelf()


def workspace_of(shelf: Shelf) -> Workspace:
    return cast("Workspace", shelf)


def add(name: str) -> documents.Change:
    def change(content: dict[str, Any] | None) -> dict[str, Any] | None:
        names: list[str] = [] if content is None else content["names"]
        if name in names:
            return None
        names.append(name)
        return {"names": names}

    return change


def test_the_change_of_somebody_else_stays(shelf: Shelf) -> None:
    waiting = ["b", "c"]

    def meanwhile() -> None:
        if waiting:
            theirs = add(waiting.pop(0))(shelf.kept["d"].content if "d" in shelf.kept else None)
            assert theirs is not None
            shelf.put("d", theirs)

    shelf.before_write = meanwhile  # type: ignore[method-assign]
    stored = update_document(workspace_of(shelf), "d", add("a"))
    assert stored is not None
    assert stored.content == {"names": ["b", "c", "a"]}
    assert shelf.writes == 3


def test_a_document_that_is_removed_meanwhile_is_made_again(shelf: Shelf) -> None:
    shelf.put("d", {"names": ["old"]})
    shelf.before_write = lambda: shelf.kept.clear() if shelf.writes == 1 else None  # type: ignore[method-assign]
    stored = update_document(workspace_of(shelf), "d", add("a"))
    assert stored is not None
    assert stored.content == {"names": ["a"]}


def test_a_write_whose_answer_was_lost_is_not_made_twice(shelf: Shelf) -> None:
    shelf.loses_answers = 1
    stored = update_document(workspace_of(shelf), "d", add("a"))
    assert stored is not None
    assert stored.content == {"names": ["a"]}
    assert shelf.writes == 1


def test_nothing_to_change_is_not_written(shelf: Shelf) -> None:
    assert update_document(workspace_of(shelf), "d", lambda _: None) is None
    shelf.put("d", {"names": ["a"]})
    before = shelf.kept["d"]
    assert update_document(workspace_of(shelf), "d", add("a")) == before
    assert update_document(workspace_of(shelf), "d", lambda content: content) == before
    assert shelf.writes == 0


def test_a_change_that_is_given_up_alters_nothing(shelf: Shelf) -> None:
    shelf.put("d", {"names": ["a"]})

    def change(content: dict[str, Any] | None) -> None:
        assert content is not None
        content["names"].append("half")

    stored = update_document(workspace_of(shelf), "d", change)
    assert stored is not None
    assert stored.content == {"names": ["a"]}


def test_others_that_are_always_faster(shelf: Shelf) -> None:
    shelf.before_write = lambda: shelf.put("d", {"names": []})  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable, match="document d was changed by others 50 times"):
        update_document(workspace_of(shelf), "d", add("a"))
    assert shelf.writes == 50


def test_an_error_that_is_no_conflict_is_the_callers(shelf: Shelf) -> None:
    def broken() -> None:
        raise ServiceUnavailable("down")

    shelf.before_write = broken  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable, match="down"):
        update_document(workspace_of(shelf), "d", add("a"))
    assert shelf.writes == 1


def test_find(shelf: Shelf) -> None:
    assert find_document(workspace_of(shelf), "d") is None
    shelf.put("d", {})
    assert find_document(workspace_of(shelf), "d") == shelf.kept["d"]


@pytest.mark.parametrize(
    "path", ["a", "drops/bank-marketing/2026-11-27", "a/b=c/d_e.f-g", "a/" * 7 + "a", "9.9", "k" * 255]
)
def test_good_paths(path: str) -> None:
    validate_document_path(path)


@pytest.mark.parametrize(
    "path", ["", ".", "..", "a/..", "a./b", "a/", "-a", "a\n", "a\\b", "a%2fb", "a/" * 8 + "a", "k" * 256, "a" * 901]
)
def test_bad_paths(path: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be the path of a document"):
        validate_document_path(path)


def test_the_text_reads_back(shelf: Shelf) -> None:
    content = {"é☀\U0001f600": [1, 2.5, 1e300, None, True, {"x": "\u2028"}], "big": 2**80, "tuple": (1, 2)}
    assert document_content("d", document_text("d", content)) == {**content, "tuple": [1, 2]}


@pytest.mark.parametrize("text", [b"", b"[]", b"1", b'{"a": NaN}', b'{"a": 1', b"\xff", b"{" * 100_000])
def test_a_text_that_is_no_document(text: bytes) -> None:
    with pytest.raises(InvalidRequest, match="document d"):
        document_content("d", text)


def test_a_content_that_is_nested_without_end() -> None:
    content: dict[str, Any] = {}
    for _ in range(100_000):
        content = {"a": content}
    with pytest.raises(InvalidRequest, match="document d"):
        document_text("d", content)
