from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azureml_workspace.documents import find_document, update_document
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import MAX_DOCUMENT_BYTES

pytestmark = pytest.mark.contract


def test_a_document_reads_back_as_it_was_written(workspace: Workspace) -> None:
    content = {"text": "Köln ☀ \U0001f600", "n": 1, "x": 0.1, "none": None, "list": [1, {"a": True}], "empty": {}}
    made = workspace.write_document("contract/kinds", content, expected=None)
    found = workspace.read_document("contract/kinds")
    assert found.content == made.content == content
    assert (found.path, found.etag, found.updated_at) == ("contract/kinds", made.etag, made.updated_at)
    assert abs(found.updated_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_write_names_what_it_replaces(workspace: Workspace) -> None:
    first = workspace.write_document("contract/turns", {"n": 1}, expected=None)
    second = workspace.write_document("contract/turns", {"n": 2}, expected=first.etag)
    assert second.etag != first.etag
    with pytest.raises(Conflict, match="contract/turns"):
        workspace.write_document("contract/turns", {"n": 3}, expected=first.etag)
    with pytest.raises(Conflict, match="contract/turns"):
        workspace.write_document("contract/turns", {"n": 3}, expected=None)
    with pytest.raises(NotFound, match="contract/nothing"):
        workspace.write_document("contract/nothing", {"n": 3}, expected=first.etag)
    assert find_document(workspace, "contract/nothing") is None
    assert workspace.read_document("contract/turns") == second


def test_the_same_content_again_is_another_write(workspace: Workspace) -> None:
    first = workspace.write_document("contract/same", {"n": 1}, expected=None)
    assert workspace.write_document("contract/same", {"n": 1}, expected=first.etag).etag != first.etag
    with pytest.raises(Conflict):
        workspace.write_document("contract/same", {"n": 1}, expected=first.etag)


def test_a_deleted_document_is_gone(workspace: Workspace) -> None:
    first = workspace.write_document("contract/gone", {"n": 1}, expected=None)
    second = workspace.write_document("contract/gone", {"n": 2}, expected=first.etag)
    with pytest.raises(Conflict, match="contract/gone"):
        workspace.delete_document("contract/gone", expected=first.etag)
    workspace.delete_document("contract/gone", expected=second.etag)
    workspace.delete_document("contract/gone", expected=second.etag)
    with pytest.raises(NotFound, match="contract/gone"):
        workspace.read_document("contract/gone")
    again = workspace.write_document("contract/gone", {"n": 2}, expected=None)
    with pytest.raises(Conflict):
        workspace.delete_document("contract/gone", expected=second.etag)
    assert workspace.read_document("contract/gone") == again


def test_a_list_holds_what_is_below_the_prefix(workspace: Workspace) -> None:
    paths = ["contract/list/b", "contract/list/a.1", "contract/list/a/1", "contract/list/a-1", "contract/list/a"]
    written = {path: workspace.write_document(path, {}, expected=None) for path in paths}
    for beside in ("contract/list", "contract/list-2/a", "contract/list.json/a", "contract/listA", "contract/lis_/a"):
        workspace.write_document(beside, {}, expected=None)
    found = workspace.list_documents("contract/list")
    assert [entry.path for entry in found] == sorted(paths)
    for entry in found:
        assert (entry.etag, entry.updated_at) == (written[entry.path].etag, written[entry.path].updated_at)
    assert [entry.path for entry in workspace.list_documents("contract/list/a")] == ["contract/list/a/1"]
    assert workspace.list_documents("contract/lis") == []


@pytest.mark.parametrize(
    "path", ["", "/", "a/", "/a", "a//b", "a/../b", "..", "a b", "a/b.", "ä", "a?b", "a/" * 8 + "a", "a" * 256]
)
def test_bad_paths(workspace: Workspace, path: str) -> None:
    with pytest.raises(InvalidRequest, match="path of a document"):
        workspace.read_document(path)
    with pytest.raises(InvalidRequest, match="path of a document"):
        workspace.write_document(path, {}, expected=None)
    with pytest.raises(InvalidRequest, match="path of a document"):
        workspace.delete_document(path, expected="x")
    with pytest.raises(InvalidRequest, match="path of a document"):
        workspace.list_documents(path)


def test_the_longest_path(workspace: Workspace) -> None:
    path = "/".join(["contract", *["k" * 127] * 6, "e" * 123])
    assert len(path) == 900
    workspace.write_document(path, {"n": 1}, expected=None)
    assert workspace.read_document(path).content == {"n": 1}
    assert [entry.path for entry in workspace.list_documents(path.rpartition("/")[0])] == [path]


@pytest.mark.parametrize(
    "content", [{"n": float("nan")}, {"n": {1, 2}}, {"n": "\ud800"}, {1: "n"}, {"n": [{None: 1}]}, {"n": b"x"}]
)
def test_what_is_no_json_is_refused(workspace: Workspace, content: dict[Any, Any]) -> None:
    with pytest.raises(InvalidRequest, match="contract/bad"):
        workspace.write_document("contract/bad", content, expected=None)
    assert find_document(workspace, "contract/bad") is None


def test_the_largest_document(workspace: Workspace) -> None:
    room = MAX_DOCUMENT_BYTES - len('{"text":""}')
    workspace.write_document("contract/large", {"text": "x" * room}, expected=None)
    assert workspace.read_document("contract/large").content == {"text": "x" * room}
    with pytest.raises(InvalidRequest, match="1,000,001 bytes"):
        workspace.write_document("contract/larger", {"text": "x" * (room + 1)}, expected=None)


def test_twenty_writers_at_once_lose_no_write(workspace: Workspace) -> None:
    def add(number: int) -> None:
        def change(content: dict[str, Any] | None) -> dict[str, Any] | None:
            numbers = [] if content is None else content["numbers"]
            return None if number in numbers else {"numbers": [*numbers, number]}

        update_document(workspace, "contract/crowd", change)

    with ThreadPoolExecutor(20) as writers:
        list(writers.map(add, range(20)))
    assert sorted(workspace.read_document("contract/crowd").content["numbers"]) == list(range(20))


def test_one_of_twenty_makes_a_document(workspace: Workspace) -> None:
    def claim(number: int) -> int | None:
        try:
            workspace.write_document("contract/claim", {"owner": number}, expected=None)
        except Conflict:
            return None
        return number

    with ThreadPoolExecutor(20) as claimants:
        owners = [number for number in claimants.map(claim, range(20)) if number is not None]
    assert len(owners) == 1
    assert workspace.read_document("contract/claim").content == {"owner": owners[0]}
