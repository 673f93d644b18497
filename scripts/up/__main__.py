"""`python -m scripts.up up|down|status`, which is what `make` calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from azureml_workspace.errors import WorkspaceError
from scripts.run.console import make_console
from scripts.run.layout import Layout
from scripts.up.down import make_down
from scripts.up.ports import PortChoice, Ports
from scripts.up.state import UpFiles
from scripts.up.status import make_status
from scripts.up.up import MakeUp

EXIT_CANCELED = 130


def main(arguments: Sequence[str]) -> int:
    """0: done. 1: it did not come up, a port is taken, or a DAG file cannot be imported. 130: canceled."""
    options = _parser().parse_args(arguments)
    layout = Layout.here()
    try:
        if options.command == "status":
            return make_status(layout)
        with UpFiles(layout).exclusive():
            if options.command == "down":
                return make_down(layout)
            asked = PortChoice(ui=options.ui_port, azureml=options.azureml_port)
            return MakeUp(layout, asked, make_console()).execute()
    except WorkspaceError as error:
        print(f"make {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nCanceled; what was started is stopped again.", file=sys.stderr)
        return EXIT_CANCELED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="the whole Airflow and the local Azure ML")
    up.add_argument("--ui-port", type=int, help=f"Airflow: pages and API (default {Ports.ui})")
    up.add_argument("--azureml-port", type=int, help=f"the local Azure ML (default {Ports.azureml})")
    commands.add_parser("down", help="stop all of it")
    commands.add_parser("status", help="what runs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
