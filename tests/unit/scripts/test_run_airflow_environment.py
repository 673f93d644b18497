"""The Airflow child belongs to this checkout alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import make_url

from scripts.run.airflow_environment import airflow_environment, azureml_connection
from scripts.run.layout import Layout

pytestmark = pytest.mark.unit


def test_another_airflow_of_the_users_is_left_alone(tmp_path: Path) -> None:
    inherited = {
        "AIRFLOW_HOME": "/srv/airflow",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://production",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW_CONN_WASB_DEFAULT": "wasb://account",
        "PYTHONPATH": "/srv/python",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/bin",
    }
    env = airflow_environment(Layout(tmp_path), inherited)
    assert env["AIRFLOW_HOME"] == str(tmp_path / ".local" / "airflow")
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert env["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False", "`make up` takes the same database"
    assert (env["AIRFLOW_CONN_WASB_DEFAULT"], env["PATH"]) == ("wasb://account", "/bin")
    assert "AIRFLOW__CORE__EXECUTOR" not in env
    database = make_url(env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    assert (database.drivername, database.database) == ("sqlite", str(tmp_path / ".local" / "airflow" / "airflow.db"))
    assert int(str(database.query["timeout"])) >= 60, "a busy machine would be told that the database is locked"
    assert env["PYTHONPATH"] == str(tmp_path / "scripts" / "airflow_settings")
    assert "PYTHONDONTWRITEBYTECODE" not in env


def test_connection_names_the_tokens_file_and_not_the_token(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.token_file.parent.mkdir(parents=True)
    layout.token_file.write_text("very-secret")
    connection = azureml_connection(layout, "http://127.0.0.1:8790")
    assert "very-secret" not in connection
    assert json.loads(connection) == {
        "conn_type": "azureml",
        "host": "http://127.0.0.1:8790",
        "extra": {"backend": "local", "token_file": str(layout.token_file)},
    }
