from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.airflow_home import AIRFLOW_HOME

pytestmark = pytest.mark.unit

DAG_FILES = sorted((Path(__file__).parents[3] / "dags").glob("*.py"))

HEAVY = ("azureml.", "azureml_local", "azureml_endpoint", "requests", "pandas", "numpy", "sklearn", "uvloop")


@pytest.mark.parametrize("dag_file", DAG_FILES, ids=lambda path: path.stem)
def test_parsing_a_dag_imports_nothing_heavy(dag_file: Path) -> None:
    """Beside what `airflow.sdk` brings itself; every parse and every task start pays for it."""
    code = f"""
import sys
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseOperatorLink, Param, chain
with DAG("warm"): pass
before = set(sys.modules)
import runpy
runpy.run_path({str(dag_file)!r})
print("ADDED", *sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"AIRFLOW_HOME": str(AIRFLOW_HOME)},
    )
    added = done.stdout.partition("ADDED")[2].split()
    assert "airflow_azureml.operators.base" in added
    assert [name for name in added if f"{name}.".startswith(HEAVY)] == []


def test_provider_info_imports_no_airflow() -> None:
    """Airflow asks for it before its own configuration is ready."""
    code = (
        "import sys; from airflow_azureml.provider import get_provider_info; get_provider_info(); "
        "sys.exit(any(name.partition('.')[0] in {'airflow', 'azureml_workspace'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
