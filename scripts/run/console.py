"""Where the output of `make run` and `make up` goes."""

from __future__ import annotations

from rich.console import Console


def make_console() -> Console:
    """The terminal; a log file has no width of its own, and 80 columns would fold most lines."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)
