"""Numbers as Azure writes them, which is not always as numbers."""

from __future__ import annotations

import math
from typing import Any


def finite(found: Any) -> float | None:
    """None for what is no finite number: nothing at all, words, `nan` as the score of a failed trial."""
    try:
        number = float(found)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
