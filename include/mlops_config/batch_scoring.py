"""Which rows are scored every day, and where the answers go.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mlops_config.schedules import cron_of

SCHEDULE_VARIABLE = "BANK_MARKETING_BATCH_SCHEDULE"
"""Environment variable of the processes that parse DAGs: a cron expression, or `none` for no schedule."""

PATTERN_VARIABLE = "BANK_MARKETING_BATCH_ROWS"
"""The pattern of the paths of new rows."""

OUTPUT_VARIABLE = "BANK_MARKETING_BATCH_OUTPUT"
"""The folder that scored rows are put into."""

DAILY = "0 3 * * *"


@dataclass(frozen=True, kw_only=True)
class BatchScoring:
    """The worked example's places."""

    pattern: str
    output_folder: str


def batch_scoring() -> BatchScoring:
    """As the environment says."""
    return BatchScoring(
        pattern=os.environ.get(PATTERN_VARIABLE, "").strip() or ".local/data/new-clients/{date}.csv",
        output_folder=os.environ.get(OUTPUT_VARIABLE, "").strip() or ".local/data/scored",
    )


def batch_schedule() -> str | None:
    """The cron expression, read in UTC; None when there is to be no schedule. :raises ValueError: it is none."""
    return cron_of(SCHEDULE_VARIABLE, DAILY)
