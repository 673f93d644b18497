"""Schedules that an environment variable may change."""

from __future__ import annotations

import os

_CRON_FIELDS = 5


def cron_of(variable: str, default: str) -> str | None:
    """The cron expression that the variable holds, or the default; None when it says `none`.

    :raises ValueError: it is none by its shape; what the fields may hold is Airflow's to check.
    """
    given = os.environ.get(variable, "").strip()
    if given.lower() == "none":
        return None
    if given and not given.startswith("@") and len(given.split()) != _CRON_FIELDS:
        raise ValueError(
            f"{variable} is {given!r}; give a cron expression of five fields, for example {default!r} or @daily, or "
            "none for no schedule."
        )
    return given or default
