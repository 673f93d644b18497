"""Figures, times and statuses as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from azureml_workspace.statuses import RunStatus

NOTHING = "\N{EN DASH}"

_SIGNS = {
    RunStatus.COMPLETED: "\N{CHECK MARK}",
    RunStatus.FAILED: "\N{MULTIPLICATION X}",
    RunStatus.CANCELED: "\N{CIRCLED DIVISION SLASH}",
    RunStatus.CANCEL_REQUESTED: "\N{CIRCLED DIVISION SLASH}",
    RunStatus.UNKNOWN: "?",
}
_WAITING = frozenset({RunStatus.NOT_STARTED, RunStatus.QUEUED})


def score(value: float | None) -> str:
    """Five decimals: what AutoML's trials differ in."""
    return NOTHING if value is None else f"{value:.5f}"


def duration(seconds: float | None) -> str:
    """The two largest units that matter: `0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`, `2 d 3 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def moment(value: datetime) -> str:
    """`2026-11-21 05:13:48 UTC`."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(value: datetime) -> str:
    """ISO 8601 in UTC."""
    return value.astimezone(UTC).isoformat()


def label(name: str) -> str:
    """A property's name as words: `primary_metric` is `Primary metric`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def sign(status: RunStatus) -> str:
    """A mark that says the same as the status's colour."""
    if status in _WAITING:
        return "\N{HORIZONTAL ELLIPSIS}"
    return _SIGNS.get(status, "\N{BLACK RIGHT-POINTING TRIANGLE}")


def tone(status: RunStatus) -> str:
    """The class of the status's colour."""
    tones = {RunStatus.COMPLETED: "good", RunStatus.FAILED: "bad", RunStatus.UNKNOWN: "dim"}
    if status in (RunStatus.CANCELED, RunStatus.CANCEL_REQUESTED) or status in _WAITING:
        return "dim"
    return tones.get(status, "busy")
