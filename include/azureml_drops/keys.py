"""What names a drop within its dataset."""

from __future__ import annotations

import re
from datetime import date

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

KEY = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""As a regular expression. No slash and no leading dot, so that a key can be part of a path."""

_KEY = re.compile(KEY)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def validate_drop_key(key: str) -> None:
    """:raises InvalidRequest: it is not 1 to 100 letters, digits, dots, dashes and underscores, or begins otherwise
    than with a letter or digit.
    """
    if not _KEY.fullmatch(key):
        raise InvalidRequest(
            f"{shown(key)} cannot be the key of a drop: give 1 to 100 letters, digits, dots, dashes and underscores, "
            "starting with a letter or digit."
        )


def date_of_key(key: str) -> date:
    """The day that the key of a dated drop names. :raises InvalidRequest: it is no ISO date."""
    wrong = f"{shown(key)} cannot be the key of a dated drop; give a day as 2026-11-27."
    if not _ISO_DATE.fullmatch(key):
        raise InvalidRequest(wrong)
    try:
        return date.fromisoformat(key)
    except ValueError as error:
        raise InvalidRequest(f"{wrong} ({error})") from error
