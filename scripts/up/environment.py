"""The environment of Airflow's components under `make up`."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.run.airflow_environment import CONNECTION_VARIABLE, airflow_environment, azureml_connection
from scripts.run.layout import Layout
from scripts.up.login import USER, password_file
from scripts.up.ports import HOST, Ports

CHECKOUT_VARIABLE, COMPONENT_VARIABLE = "MAKE_UP_CHECKOUT", "MAKE_UP_COMPONENT"
"""Every process of a component inherits these two, whatever it forks: so `leftovers` tells whose it is."""


def component_environment(layout: Layout, ports: Ports, component: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables for one of Airflow's components, on top of what `make run` gives Airflow."""
    return airflow_environment(layout, inherited) | {
        CHECKOUT_VARIABLE: str(layout.root),
        COMPONENT_VARIABLE: component,
        # Without it setproctitle writes a worker's title over the memory where /proc shows the two above.
        "SPT_NOENV": "1",
        # Tasks talk to the API server of this machine, which no proxy can reach.
        "NO_PROXY": ",".join(filter(None, (inherited.get("NO_PROXY"), HOST, "localhost"))),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(ports.ui),
        "AIRFLOW__API__BASE_URL": ports.ui_url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{ports.ui_url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",  # the default forks 32 workers
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(layout)),
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
        # A task's supervisor that looks between the end of its connections and that of its process looks again only
        # after this: half of all tasks held their worker, and a skipped one its DAG run, for the default of 5 s.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
        **_LOST_PROCESSES,
        CONNECTION_VARIABLE: azureml_connection(layout, ports.azureml_url),
    }


_LOST_PROCESSES = {
    # A task whose worker was killed is tried again within a minute instead of five; a restart of the API server is over
    # long before that.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    # The default of 3 ends every task that runs when the API server is away for some seconds.
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "150",
    # What else a task asks it is asked again for about a minute; by default for about ten seconds.
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "12",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "10",
    # What a killed scheduler had queued is tried again as soon.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    # A restarted triggerer takes the triggers of the killed one over after this.
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
}
