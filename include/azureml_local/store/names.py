"""Names that people give, checked before they become rows and folders."""

from __future__ import annotations

import re

from azureml_workspace.errors import InvalidRequest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_COMPUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,22}[A-Za-z0-9]")


def validate_name(kind: str, name: str) -> None:
    """Azure's rule for names of datasets and models (`kind` says which, for the message).

    :raises InvalidRequest: `name` breaks it.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{kind} name {name!r} is not valid: 1 to 255 letters, digits, dashes, underscores and dots, "
            "starting with a letter or a digit."
        )


def validate_compute_name(name: str) -> None:
    """Azure's rule for compute targets. :raises InvalidRequest: `name` breaks it."""
    if not _COMPUTE_NAME.fullmatch(name):
        raise InvalidRequest(
            f"compute target name {name!r} is not valid: 2 to 24 letters, digits and dashes, "
            "starting with a letter and not ending with a dash (for example 'cpu-cluster')."
        )
