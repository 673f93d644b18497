"""Arrow values as JSON values and as text."""

from __future__ import annotations

import math
from datetime import datetime

Scalar = str | int | float | bool | None


def as_json(value: Scalar | datetime) -> Scalar:
    """A cell as a JSON value: datetimes ISO 8601 without offset (they are UTC), numbers that JSON cannot hold None."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_text(value: Scalar | datetime) -> str:
    """A cell as text: booleans true/false, datetimes ISO 8601, numbers as Python writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(as_json(value))
