"""The files of a pipeline run and of its steps: logs that tell the story, and what was made."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

logger = logging.getLogger(__name__)

PIPELINE_LOG = "logs/pipeline.log"
STEP_LOG = "logs/step.log"
RESULT_OUTPUT = "outputs/result.json"
MODEL_OUTPUT = "outputs/model.json"


def tell(log: Path, *lines: str) -> None:
    """Append lines to a log, each with the time and on one line. A log that cannot be written stops no run."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write("".join(f"{now} {_on_one_line(line)}\n" for line in lines))
    except OSError as error:
        logger.warning("%s: not written: %s", log, error)


def _on_one_line(text: str) -> str:
    """`text` with the characters spelled out that would begin another line, or play tricks on a terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
