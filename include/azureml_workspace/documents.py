"""Change a document that others may be changing too."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from azureml_workspace.errors import Conflict, NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Document

Change = Callable[[dict[str, Any] | None], dict[str, Any] | None]
"""The new content made of the present one (None: there is no document); None when nothing is to change."""

_ATTEMPTS = 50
_LONGEST_WAIT_SECONDS = 1.0


def find_document(workspace: Workspace, path: str) -> Document | None:
    """The document, None when there is none."""
    try:
        return workspace.read_document(path)
    except NotFound:
        return None


def update_document(workspace: Workspace, path: str, change: Change) -> Document | None:
    """Read, change, write, again from the start when somebody else wrote meanwhile. Gives what is stored then.

    `change` may be called several times, and must make the same of a content that holds its change already: an answer
    that was lost is followed by another attempt.

    :raises Conflict: others were faster 50 times in a row.
    """
    for attempt in range(_ATTEMPTS):
        found = find_document(workspace, path)
        content = change(None if found is None else dict(found.content))
        if content is None:
            return found
        try:
            return workspace.write_document(path, content, expected=None if found is None else found.etag)
        except (Conflict, NotFound):
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_SECONDS, 0.02 * 2**attempt)))
    raise Conflict(f"document {path} was changed by others {_ATTEMPTS} times in a row; try again later.")
