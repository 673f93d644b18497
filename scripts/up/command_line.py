"""`python -m scripts.up.command_line ...`, which is `make airflow ARGS="..."`: Airflow's own commands, in this Airflow.

Its environment is that of the components, so that a command meets the same database, connection and settings.
"""

from __future__ import annotations

import os
import sys

from scripts.run.layout import Layout
from scripts.up.environment import component_environment
from scripts.up.ports import Ports
from scripts.up.state import UpFiles

COMPONENT = "command-line"


def main() -> None:
    """Becomes `python -m airflow` with the arguments given."""
    layout = Layout.here()
    up = UpFiles(layout).running()
    environment = component_environment(layout, up.ports if up else Ports(), COMPONENT, os.environ)
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *sys.argv[1:]], environment)  # noqa: S606 - no shell needed


if __name__ == "__main__":
    main()
