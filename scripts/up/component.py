"""What supervisord starts: `python -m scripts.up.component NAME UI_PORT AZUREML_PORT`, which becomes the component.

supervisord starts a killed process again, but what the killed one had forked lives on: a scheduler's workers finish
their task and then wait for ever, while the new scheduler has the same task run again. So those are ended first.
"""

from __future__ import annotations

import os
import sys

from scripts.run.layout import Layout
from scripts.up.components import AZUREML, components
from scripts.up.environment import CHECKOUT_VARIABLE, COMPONENT_VARIABLE, component_environment
from scripts.up.leftovers import end
from scripts.up.ports import Ports


def main() -> None:
    """Never returns."""
    layout = Layout.here()
    name, ports = sys.argv[1], Ports(ui=int(sys.argv[2]), azureml=int(sys.argv[3]))
    component = next(component for component in components(layout, ports) if component.name == name)
    if name == AZUREML:
        environment = azureml_environment()
    else:
        for leftover in end(layout, name, grace_seconds=0):
            print(f"ended pid {leftover.identity.pid}, left behind by a {name} that was killed: {leftover.command}")
        environment = component_environment(layout, ports, name, os.environ)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", component.module, *component.arguments], environment)  # noqa: S606


def azureml_environment() -> dict[str, str]:
    """Without our marks: its jobs and web services outlive it, and the next server takes them up again."""
    ours = (CHECKOUT_VARIABLE, COMPONENT_VARIABLE)
    return {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("AIRFLOW")}


if __name__ == "__main__":
    main()
