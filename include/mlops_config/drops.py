"""Where the worked example's data drops are, and what is made of them.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mlops_config.schedules import cron_of

PATTERN_VARIABLE = "BANK_MARKETING_DROPS"
"""Environment variable of the processes that parse DAGs: the pattern of the drops' paths."""

SCHEDULE_VARIABLE = "BANK_MARKETING_DROPS_SCHEDULE"
"""The same for the schedule: a cron expression, or `none` for no schedule."""

DAILY = "0 0 * * *"


@dataclass(frozen=True, kw_only=True)
class Drops:
    """Names of the example that trains on drops. Its service is not the one that `bank_marketing_train` deploys to."""

    pattern: str
    dataset_name: str = "bank-marketing-drops"
    experiment_name: str = "bank-marketing-drops"
    service_name: str = "bank-marketing-live"


DROPS = Drops(pattern=os.environ.get(PATTERN_VARIABLE, "").strip() or ".local/data/drops/{date}.csv")


def drops_schedule() -> str | None:
    """The cron expression, read in UTC; None when there is to be no schedule. :raises ValueError: see `cron_of`."""
    return cron_of(SCHEDULE_VARIABLE, DAILY)
