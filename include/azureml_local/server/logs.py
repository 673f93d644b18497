"""`server.log`: plain lines of key facts. Tokens, keys and headers never get there."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_LARGEST_BYTES = 10_000_000


def configure_logging(path: Path) -> None:
    """Send everything this process logs to `path`; when that grows too long, one older file is kept beside it."""
    handler = RotatingFileHandler(path, maxBytes=_LARGEST_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
