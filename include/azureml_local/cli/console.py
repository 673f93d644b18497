"""What the commands share: exit codes, what a command is, how it speaks, and how it asks the server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from azureml_local.paths import Home
from azureml_local.server.instance import ServerInfo

OK, ERROR, NOT_RUNNING, ALREADY_RUNNING = 0, 1, 3, 4


class Command(NamedTuple):
    """A subcommand: what `--help` says of it, its own arguments, and what it does (giving the exit code)."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Home, argparse.Namespace], int]


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """A command without arguments of its own."""


def connect(home: Home, info: ServerInfo) -> Any:
    """The running server, to ask it as any client does."""
    from azureml_workspace.local.client import ControlPlane
    from azureml_workspace.local.credential import BearerToken

    token = BearerToken(token=None, token_file=str(home.token_file), on_secret=lambda _: None)
    return ControlPlane(info.url, token, connect_timeout=3.0, read_timeout=30.0, retry_seconds=2.0)


def say(text: str) -> None:
    """One line of output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """What went wrong."""
    sys.stderr.write(f"error: {text}\n")
