"""What the calls of the local adapter share: paths of the server's routes, and its answers as records."""

from __future__ import annotations

from typing import Any, TypeVar

from azureml_workspace.errors import InvalidRequest, WorkspaceError
from azureml_workspace.records import Record
from azureml_workspace.segments import segment

R = TypeVar("R", bound=Record)


def run_path(run_id: str) -> str:
    """The route of a run. :raises InvalidRequest: the id cannot be one."""
    return f"/v1/runs/{segment('run', run_id)}"


def record(kind: type[R], data: Any) -> R:
    """`data` as a record. :raises WorkspaceError: it is none."""
    try:
        return kind.from_dict(data)
    except InvalidRequest as error:
        # The caller asked for nothing wrong: the two sides disagree about the record.
        raise WorkspaceError(
            f"the local Azure ML server's answer is not understood ({error}); "
            "server and client are probably of different versions: restart the server."
        ) from error
