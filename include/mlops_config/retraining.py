"""When the published pipeline is triggered.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

from mlops_config.schedules import cron_of

SCHEDULE_VARIABLE = "BANK_MARKETING_RETRAIN_SCHEDULE"
"""Environment variable of the processes that parse DAGs: a cron expression, or `none` for no schedule."""

EVERY_FOUR_HOURS = "0 */4 * * *"


def retrain_schedule() -> str | None:
    """The cron expression, read in UTC; None when there is to be no schedule. :raises ValueError: it is none."""
    return cron_of(SCHEDULE_VARIABLE, EVERY_FOUR_HOURS)
