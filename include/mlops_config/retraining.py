"""When the published pipeline is triggered.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

import os

SCHEDULE_VARIABLE = "BANK_MARKETING_RETRAIN_SCHEDULE"
"""Environment variable of the processes that parse DAGs: a cron expression, or `none` for no schedule."""

EVERY_FOUR_HOURS = "0 */4 * * *"
_CRON_FIELDS = 5


def retrain_schedule() -> str | None:
    """The cron expression, read in UTC; None when there is to be no schedule.

    :raises ValueError: it is none by its shape; what the fields may hold is Airflow's to check.
    """
    given = os.environ.get(SCHEDULE_VARIABLE, "").strip()
    if given.lower() == "none":
        return None
    if given and not given.startswith("@") and len(given.split()) != _CRON_FIELDS:
        raise ValueError(
            f"{SCHEDULE_VARIABLE} is {given!r}; give a cron expression of five fields, for example "
            f"{EVERY_FOUR_HOURS!r} or @daily, or none for no schedule."
        )
    return given or EVERY_FOUR_HOURS
