"""The processes of `make up`: what each runs, and the order in which they start and stop."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.run.layout import Layout
from scripts.up.ports import HOST, Ports

AZUREML = "azureml"
AIRFLOW = "scripts.up.airflow_main"


@dataclass(frozen=True)
class Component:
    """One process under supervisord, `python -m MODULE ARGUMENTS`.

    Those of a low `priority` start first and stop last. `steady_seconds` is how long it has to live to count as
    started: one that dies earlier is tried again after a pause, which grows by a second each time.
    `stop_seconds` is its time to stop before it is killed with its group; SIGTERM goes to all of the group when it
    `stops_group`.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    priority: int
    steady_seconds: int
    stop_seconds: int
    stops_group: bool = False


def components(layout: Layout, ports: Ports) -> tuple[Component, ...]:
    """All of them, in the order of their start.

    The scheduler stops first: it ends the tasks that run, and they report to the API server and cancel their remote
    runs. It tells its workers nothing of a SIGTERM, so they get it with it. Logs are served by no component: the API
    server reads the files, and Airflow's log servers would listen on all network interfaces.

    The triggerer and the API server have little time, because Airflow's tend to hang while they stop, and by then they
    hold nothing that a kill could harm.
    """
    serve = ("serve", "--home", str(layout.azureml_home), "--host", HOST, "--port", str(ports.azureml))
    return (
        Component(AZUREML, "azureml_local", serve, priority=10, steady_seconds=5, stop_seconds=15),
        Component("api-server", AIRFLOW, ("api-server",), priority=20, steady_seconds=20, stop_seconds=4),
        Component("dag-processor", AIRFLOW, ("dag-processor",), priority=30, steady_seconds=20, stop_seconds=10),
        Component(
            "triggerer", AIRFLOW, ("triggerer", "--skip-serve-logs"), priority=40, steady_seconds=20, stop_seconds=4
        ),
        Component(
            "scheduler",
            AIRFLOW,
            ("scheduler", "--skip-serve-logs"),
            priority=50,
            steady_seconds=20,
            stop_seconds=15,
            stops_group=True,
        ),
    )
