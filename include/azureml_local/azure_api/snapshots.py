"""Snapshots: folders of source code that clients send with a step. Each names only what changed since its parent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import PascalBody, answering, as_object, read
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.storage import ARTIFACTS
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

_KIND = "snapshot"
_PREFIX = "snapshots/"
_NOTHING = "00000000-0000-0000-0000-000000000000"
"""The snapshot that every first one has as its parent: an empty folder."""


class _Names(PascalBody):
    file_names: list[str]


class _Node(msgspec.Struct):
    """A folder or a file of the tree."""

    name: str
    type: str
    children: dict[str, _Node] | None = None


class _Revision(PascalBody):
    full_name: str
    blob_uri: str


class _Revisions(PascalBody):
    file_nodes: list[_Revision] | None = None


class _Snapshot(PascalBody):
    dir_tree_node: _Node
    file_revision_list: _Revisions | None = None


def routes(surface: Surface) -> list[Route]:
    """`/content/snapshots`."""
    documents, storage = surface.documents, surface.storage

    def latest(_: Request) -> Response:
        root: Document = {"name": "", "hash": "", "type": "Directory", "timestamp": None, "children": {}}
        return JSONResponse({"id": _NOTHING, "root": root})

    def addresses(_: Request, body: Any) -> Document:
        names = read(body, _Names).file_names
        nodes = [
            {"fullName": name, "blobUri": storage.write_url(ARTIFACTS, f"{_PREFIX}{uuid.uuid4()}")} for name in names
        ]
        return {"fileNodes": nodes}

    def create(request: Request, body: Any) -> Document:
        key = request.path_params["id"]
        parent = documents.find(_KIND, str(as_object(body).get("ParentSnapshotId") or _NOTHING))
        files = _files(read(body, _Snapshot), (parent or {}).get("Files") or {})
        document = {"Files": files, "Properties": body.get("Properties")}
        documents.put(_KIND, key, document)
        return {"id": key}

    return [
        Route("/content/snapshots/latest/metadata", latest),
        Route("/content/snapshots/getblob", answering(addresses), methods=["POST"]),
        Route("/content/snapshots/{id}", answering(create), methods=["POST"]),
    ]


def read_snapshot_file(surface: Surface, snapshot_id: str, path: str) -> bytes | None:
    """The content of one file of a snapshot, None when there is none."""
    snapshot = surface.documents.find(_KIND, snapshot_id)
    name = None if snapshot is None else snapshot["Files"].get(path)
    blob = None if name is None else surface.storage.find(ARTIFACTS, name)
    return None if blob is None else blob.path.read_bytes()


def _files(wanted: _Snapshot, before: Document) -> dict[str, str]:
    """Blobs by the paths of the files. :raises InvalidRequest: a file was neither sent nor in the parent."""
    revisions = () if wanted.file_revision_list is None else wanted.file_revision_list.file_nodes or ()
    sent = {_plain(node.full_name): _blob_name(node.blob_uri) for node in revisions}
    files = {}
    for path in _paths(wanted.dir_tree_node):
        name = sent.get(path) or before.get(path)
        if name is None:
            raise InvalidRequest(f"file {shown(path)} of the snapshot was not sent, nor is it in the parent.")
        files[path] = name
    return files


def _paths(node: _Node, above: str = "") -> Iterator[str]:
    for child in (node.children or {}).values():
        path = f"{above}{child.name}"
        if child.type.lower() == "file":
            yield _plain(path)
        else:
            yield from _paths(child, f"{path}/")


def _plain(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./").strip("/")


def _blob_name(address: str) -> str:
    """:raises InvalidRequest: it is no address that was given out for a snapshot."""
    name = unquote(urlsplit(address).path).removeprefix(f"/{ARTIFACTS}/")
    if not name.startswith(_PREFIX):
        raise InvalidRequest("a file of the snapshot is at an address that was not given out for one.")
    return name
