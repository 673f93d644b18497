"""`make airflow`: Airflow's command line in the Airflow of `make up`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.checkout_up import UpCheckout

pytestmark = pytest.mark.integration


def test_a_command_meets_the_airflow_of_make_up(tmp_path: Path) -> None:
    checkout = UpCheckout.make(tmp_path, AIRFLOW_HOME="/srv/airflow")
    done = checkout.run("scripts.up.command_line", "config", "get-value", "database", "sql_alchemy_conn")
    assert done.returncode == 0, done.stderr
    assert f"{checkout.root}/.local/airflow/airflow.db" in done.stdout
    refused = checkout.run("scripts.up.command_line", "no-such-command")
    assert refused.returncode != 0
    assert "no-such-command" in refused.stderr + refused.stdout
