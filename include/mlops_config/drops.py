"""Where the worked example's data drops are, and what is made of them.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlops_config.schedules import cron_of

PATTERN_VARIABLE = "BANK_MARKETING_DROPS"
"""Environment variable of the processes that parse DAGs: the pattern of the drops' paths."""

CONNECTION_VARIABLE = "BANK_MARKETING_DROPS_CONNECTION"
"""The same for the connection of an object storage."""

SCHEDULE_VARIABLE = "BANK_MARKETING_DROPS_SCHEDULE"
"""The same for the schedule: a cron expression, or `none` for no schedule."""

DAILY = "0 0 * * *"


@dataclass(frozen=True, kw_only=True)
class Drops:
    """Names of the example that trains on drops. Its service is not the one that `bank_marketing_train` deploys to.

    The asset is what stands in Airflow for the arrival of data: it gets an event when drops are pending.
    """

    pattern: str
    source_conn_id: str | None = None
    dataset_name: str = "bank-marketing-drops"
    experiment_name: str = "bank-marketing-drops"
    service_name: str = "bank-marketing-live"
    dag_id: str = "bank_marketing_drops"
    asset_name: str = "bank-marketing-drops"
    asset_uri: str = "azureml://drops/bank-marketing-drops"


def _pattern() -> str:
    """A relative path is made absolute where the DAG is parsed: the triggerer may stand in another folder."""
    given = os.environ.get(PATTERN_VARIABLE, "").strip() or ".local/data/drops/{date}.csv"
    return given if "://" in given or given.startswith(("/", "~")) else f"{Path.cwd()}/{given.removeprefix('./')}"


DROPS = Drops(pattern=_pattern(), source_conn_id=os.environ.get(CONNECTION_VARIABLE, "").strip() or None)


def drops_schedule() -> str | None:
    """The cron expression, read in UTC; None when there is to be no schedule. :raises ValueError: see `cron_of`."""
    return cron_of(SCHEDULE_VARIABLE, DAILY)
