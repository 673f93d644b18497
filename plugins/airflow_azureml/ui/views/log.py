"""The end of a log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azureml_workspace.errors import NotFound

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

LAST_LINES = 200
LAST_CHARACTERS = 40_000

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, kw_only=True)
class LogTail:
    """The last lines of the run's file `path`; `cut` says that there are more before them."""

    path: str
    text: str
    cut: bool

    @classmethod
    def read(cls, workspace: Workspace, run_id: str, path: str) -> LogTail | None:
        """The tail, None when the run has no such file (yet)."""
        try:
            content = workspace.read_run_file(run_id, path).decode(errors="replace")
        except NotFound:
            return None
        lines = _TERMINAL_CODES.sub("", content).replace("\0", "").splitlines()
        text = "\n".join(lines[-LAST_LINES:])
        cut = len(lines) > LAST_LINES or len(text) > LAST_CHARACTERS
        return cls(path=path, text=text[-LAST_CHARACTERS:], cut=cut)
