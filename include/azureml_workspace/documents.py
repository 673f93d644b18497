"""Change a document that others may be changing too."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from typing import Any

from azureml_workspace.errors import Conflict, NotFound, ServiceUnavailable
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Document

Change = Callable[[dict[str, Any] | None], dict[str, Any] | None]
"""The new content made of the present one (None: there is no document), which it may alter and give back; None when
nothing is to change."""

_ATTEMPTS = 50
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 1.0


def find_document(workspace: Workspace, path: str) -> Document | None:
    """The document, None when there is none."""
    try:
        return workspace.read_document(path)
    except NotFound:
        return None


def update_document(workspace: Workspace, path: str, change: Change) -> Document | None:
    """Read, change, write, again from the start when somebody else wrote meanwhile. Gives what is stored then.

    A content that `change` gives back as it was is not written. `change` may be called several times, and must make the
    same of a content that holds its change already: an answer that was lost is followed by another attempt.

    :raises ServiceUnavailable: others were faster 50 times in a row, which takes half a minute.
    """
    longest_wait = _FIRST_WAIT_SECONDS
    for _ in range(_ATTEMPTS):
        found = find_document(workspace, path)
        content = change(None if found is None else copy.deepcopy(found.content))
        if content is None or (found is not None and content == found.content):
            return found
        try:
            return workspace.write_document(path, content, expected=None if found is None else found.etag)
        except (Conflict, NotFound):
            time.sleep(random.uniform(0, longest_wait))
            longest_wait = min(2 * longest_wait, _LONGEST_WAIT_SECONDS)
    raise ServiceUnavailable(f"document {path} was changed by others {_ATTEMPTS} times in a row; try again later.")
