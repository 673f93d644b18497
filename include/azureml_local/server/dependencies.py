"""What route functions share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from fastapi import Depends, Path, Query, Request

from azureml_local.server.workspace import LocalWorkspace
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records.base import LARGEST_INTEGER


def get_workspace(request: Request) -> LocalWorkspace:
    """The workspace of the app that answers."""
    workspace = request.app.state.workspace
    if not isinstance(workspace, LocalWorkspace):
        raise TypeError("the app was made without a workspace")
    return workspace


WorkspaceDependency = Annotated[LocalWorkspace, Depends(get_workspace)]
VersionInPath = Annotated[int, Path(ge=1, le=LARGEST_INTEGER)]
VersionInQuery = Annotated[int | None, Query(ge=1, le=LARGEST_INTEGER)]


def parse_tags(text: str) -> Mapping[str, str]:
    """Tags given in a query. :raises InvalidRequest: they are not a JSON object of strings."""
    try:
        tags: dict[str, str] = msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.DecodeError as error:
        raise InvalidRequest(f'tags must be a JSON object of strings, such as {{"source": "crm"}}: {error}.') from error
    return tags


def require_same_name(kind: str, in_path: str, in_body: str) -> None:
    """:raises InvalidRequest: a request names two objects."""
    if in_path != in_body:
        raise InvalidRequest(f"the path names {kind} {in_path!r} and the body {in_body!r}; give one name.")
