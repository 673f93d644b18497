"""`python -m azureml_local`: serve, start, status, stop, and a look at what is there."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from azureml_local.cli import server, views
from azureml_local.cli.console import ALREADY_RUNNING, ERROR, NOT_RUNNING, OK, complain
from azureml_local.paths import HOME_VARIABLE, Home
from azureml_local.server.instance import AlreadyRunning
from azureml_workspace.errors import WorkspaceError

__all__ = ["ALREADY_RUNNING", "ERROR", "NOT_RUNNING", "OK", "main"]

COMMANDS = server.COMMANDS | views.COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code: 0, 1 error, 2 usage, 3 not running, 4 runs already."""
    options = _parser().parse_args(arguments)
    home = Home.resolve(options.home)
    try:
        return COMMANDS[options.command].run(home, options)
    except AlreadyRunning as error:
        complain(str(error))
        return ALREADY_RUNNING
    except WorkspaceError as error:
        complain(str(error))
        return ERROR
    except OSError as error:
        complain(f"{error}. The state folder is {home.root}: it must be writable and have room (another: --home).")
        return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m azureml_local", description="The local Azure ML.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        sub.add_argument("--home", help=f"state folder (default: ${HOME_VARIABLE}, else .local/azureml here)")
        command.arguments(sub)
    return parser
