"""The environment of the Airflow child: this checkout's own Airflow, whatever the caller's shell is set up for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from scripts.run.layout import Layout

CONNECTION_VARIABLE = "AIRFLOW_CONN_AZUREML_DEFAULT"

_KEPT_PREFIXES = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
"""A data source may need the user's own connection; every other AIRFLOW variable belongs to another installation."""

_SQLITE_SECONDS = 120

_PYTHON_VARIABLES = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"})


def airflow_environment(layout: Layout, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables for a process that runs Airflow from this checkout."""
    env = {name: value for name, value in inherited.items() if _is_kept(name)}
    return env | {
        "AIRFLOW_HOME": str(layout.airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(layout.airflow_home / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Whichever of `make run` and `make up` comes first makes the DAGs known to the database that both use.
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.logs / "airflow"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # SQLite has one writer at a time. By default one that has waited five seconds for its turn is told that the
        # database is locked, and Airflow answers that with an error: a busy machine gets there. What waiting does not
        # help is in the settings module that is found by the path below.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{layout.airflow_home}/airflow.db?timeout={_SQLITE_SECONDS}",
        "PYTHONPATH": str(layout.airflow_settings),
        "NO_COLOR": "1",
    }


def azureml_connection(layout: Layout, url: str) -> str:
    """The value of AIRFLOW_CONN_AZUREML_DEFAULT. It names the token's file; the token itself is in no environment."""
    extra = {"backend": "local", "token_file": str(layout.token_file)}
    return json.dumps({"conn_type": "azureml", "host": url, "extra": extra})


def _is_kept(name: str) -> bool:
    if name in _PYTHON_VARIABLES:
        return False
    return not name.startswith("AIRFLOW_") or name.startswith(_KEPT_PREFIXES)
