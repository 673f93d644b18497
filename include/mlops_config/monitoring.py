"""When the web service is looked at, and what follows.

This module is imported whenever the scheduler parses the DAG, so it imports next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlops_config.schedules import cron_of

SCHEDULE_VARIABLE = "BANK_MARKETING_MONITOR_SCHEDULE"
"""Environment variable of the processes that parse DAGs: a cron expression, or `none` for no schedule."""

EVERY_SIX_HOURS = "0 */6 * * *"


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """Limits of the worked example. `min_metric` is the floor of its primary metric; None for none."""

    window_hours: float = 24.0
    min_rows: int = 200
    max_psi: float = 0.25
    min_metric: float | None = None
    retrain_dag_id: str = "bank_marketing_drops"
    retrain_conf: dict[str, Any] = field(default_factory=lambda: {"drop_key": "latest", "force": True})
    cooldown_hours: float = 24.0


MONITORING = Monitoring()


def monitor_schedule() -> str | None:
    """The cron expression, read in UTC; None when there is to be no schedule. :raises ValueError: it is none."""
    return cron_of(SCHEDULE_VARIABLE, EVERY_SIX_HOURS)
