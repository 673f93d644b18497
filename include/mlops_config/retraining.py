"""When the published pipeline is triggered.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

import os

SCHEDULE_VARIABLE = "BANK_MARKETING_RETRAIN_SCHEDULE"
"""Environment variable of the processes that parse DAGs: a cron expression, or `none` for no schedule."""

EVERY_FOUR_HOURS = "0 */4 * * *"


def retrain_schedule() -> str | None:
    """The cron expression, read in UTC; None when there is to be no schedule."""
    given = os.environ.get(SCHEDULE_VARIABLE, "").strip()
    return None if given.lower() == "none" else given or EVERY_FOUR_HOURS
