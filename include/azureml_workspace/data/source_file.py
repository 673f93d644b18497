"""The file that a caller names."""

from __future__ import annotations

from pathlib import Path

from azureml_workspace.errors import InvalidRequest


def readable_file(text: str) -> Path:
    """The path, when there is a file with something in it. :raises InvalidRequest: says what is wrong."""
    path = Path(text)
    if not path.exists():
        raise InvalidRequest(f"data file {text} does not exist (looked in {Path.cwd()}); give the path of a CSV file.")
    if not path.is_file():
        raise InvalidRequest(f"data file {text} is not a file; give the path of a CSV file.")
    if path.stat().st_size == 0:
        raise InvalidRequest(f"data file {text} is empty; give a CSV file with a header line and rows.")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InvalidRequest(f"data file {text} cannot be read: {error.strerror}.") from error
    return path
