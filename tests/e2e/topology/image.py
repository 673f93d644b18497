"""What the Dockerfile puts into the image's file system beside the Python environment, which is this one here."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

_CONTINUED = re.compile(r"\\\n")


@dataclass(frozen=True, kw_only=True)
class Image:
    """Of the last stage: copies out of the project as (source, target), and the environment."""

    copies: list[tuple[str, str]]
    environment: dict[str, str]

    @classmethod
    def read(cls, dockerfile: Path) -> Image:
        last_stage = _CONTINUED.sub(" ", dockerfile.read_text()).rpartition("\nFROM ")[2]
        instructions = [line.partition(" ") for line in last_stage.splitlines()]
        copies = [shlex.split(rest) for keyword, _, rest in instructions if keyword == "COPY"]
        settings = [shlex.split(rest) for keyword, _, rest in instructions if keyword == "ENV"]
        return cls(
            copies=[(source, target) for *flags, source, target in copies if not flags],
            environment=dict(setting.split("=", 1) for words in settings for setting in words),
        )

    def unpack(self, project: Path, root: Path) -> None:
        """Put the copies below `root`."""
        for source, target in self.copies:
            place = root / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if (project / source).is_dir():
                shutil.copytree(project / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(project / source, place)
