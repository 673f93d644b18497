"""Long lists in parts: the token of the next part is how many were given before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from azureml_workspace.errors import InvalidRequest

T = TypeVar("T")


def page_of(found: Sequence[T], *, token: Any, size: Any, most: int) -> tuple[Sequence[T], str | None]:
    """The part that begins at `token`, and the token of the part after it; None at the end.

    Both may be missing in a request: then it is the first part, of `most` items.

    :raises InvalidRequest: one of them is no number.
    """
    try:
        start, wanted = int(token or 0), int(size or most)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"a page is asked for by numbers, and not by {token!r} and {size!r}.") from error
    end = max(0, start) + max(1, min(wanted, most))
    return found[max(0, start) : end], str(end) if end < len(found) else None
