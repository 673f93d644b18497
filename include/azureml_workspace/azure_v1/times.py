"""Moments as Azure writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """An ISO 8601 moment, with whatever number of decimals; in UTC when it names no zone."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
