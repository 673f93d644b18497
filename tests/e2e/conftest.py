"""A real Airflow with a home of its own, in subprocesses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.e2e.topology.faults import MOMENTS, PROPERTY, SERVICES, Row, table
from tests.local_server import LocalServer

DAGS = Path(__file__).parents[2] / "dags"
FAULTS_FILE = Path(__file__).parents[2] / ".local" / "faults.md"


@dataclass(frozen=True)
class Airflow:
    """An Airflow home on disk, and the environment that leads there."""

    home: Path
    environment: dict[str, str]

    def python(self, script: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a script with this Airflow; standard error is joined to standard output."""
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )


def airflow_with(connection: dict[str, object], home: Path) -> Airflow:
    """An Airflow in `home` whose default connection is this one."""
    (home / "plugins").mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment = inherited | {
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps({"conn_type": "azureml", **connection}),
    }
    migrated = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert migrated.returncode == 0, migrated.stderr
    return Airflow(home, environment)


@pytest.fixture(scope="session")
def airflow(local_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    extra = {"backend": "local", "token_file": str(local_server.home / "token")}
    return airflow_with({"host": local_server.url, "extra": extra}, tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="session")
def azure_airflow(azure_server: AzureServer, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """The same with a connection to Azure, which the local Azure ML plays to the SDK."""
    return airflow_with(azure_server.connection(), tmp_path_factory.mktemp("airflow-azure"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a file starts a whole Airflow, which is part of its time."""
    for item in items:
        if item.get_closest_marker("e2e") is not None:
            item.add_marker(pytest.mark.timeout(900))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the fault table, and keep a whole one in `.local/faults.md`. The rows came with the reports of the tests."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    rows = [Row(**value) for report in reports for name, value in report.user_properties if name == PROPERTY]
    if not rows:
        return
    lines = table(sorted(rows, key=lambda row: (list(SERVICES).index(row.killed), MOMENTS.index(row.when))))
    terminalreporter.write_sep("=", "killed with SIGKILL, and how it ended")
    for line in lines:
        terminalreporter.write_line(line)
    if len(rows) == len(SERVICES) * len(MOMENTS):
        FAULTS_FILE.parent.mkdir(exist_ok=True)
        FAULTS_FILE.write_text("\n".join(lines) + "\n")
