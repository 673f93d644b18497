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
_STATES = {
    "success": ("good", "\N{CHECK MARK}"),
    "healthy": ("good", "\N{CHECK MARK}"),
    "active": ("good", "\N{CHECK MARK}"),
    "promote": ("good", "\N{CHECK MARK}"),
    "passed": ("good", "\N{CHECK MARK}"),
    "promoted": ("good", "\N{CHECK MARK}"),
    "ok": ("good", "\N{CHECK MARK}"),
    "failed": ("bad", "\N{MULTIPLICATION X}"),
    "unhealthy": ("bad", "\N{MULTIPLICATION X}"),
    "upstream_failed": ("bad", "\N{MULTIPLICATION X}"),
    "quarantined": ("bad", "\N{MULTIPLICATION X}"),
    "errors": ("bad", "\N{MULTIPLICATION X}"),
    "below_floor": ("bad", "\N{MULTIPLICATION X}"),
    "reject": ("warn", "\N{MULTIPLICATION X}"),
    "rejected": ("warn", "\N{MULTIPLICATION X}"),
    "rolled_back": ("warn", "!"),
    "restored": ("warn", "!"),
    "warning": ("warn", "!"),
    "drift": ("warn", "!"),
    "older": ("dim", "\N{EN DASH}"),
    "skipped": ("dim", "\N{EN DASH}"),
    "removed": ("dim", "\N{EN DASH}"),
    "disabled": ("dim", "\N{EN DASH}"),
    "duplicate": ("dim", "\N{EN DASH}"),
    "missing": ("dim", "\N{EN DASH}"),
    "unknown": ("dim", "?"),
    "not_enough": ("dim", "?"),
    "none": ("dim", "\N{HORIZONTAL ELLIPSIS}"),
    "scheduled": ("dim", "\N{HORIZONTAL ELLIPSIS}"),
    "queued": ("dim", "\N{HORIZONTAL ELLIPSIS}"),
    "deferred": ("busy", "\N{HORIZONTAL ELLIPSIS}"),
    "up_for_retry": ("warn", "\N{CLOCKWISE OPEN CIRCLE ARROW}"),
}
_WAITING = frozenset({RunStatus.NOT_STARTED, RunStatus.QUEUED})


def score(value: float | None) -> str:
    """Five decimals: what AutoML's trials differ in."""
    return NOTHING if value is None else f"{value:.5f}"


def figure(value: float | None, places: int = 4) -> str:
    """A number of so many significant digits."""
    return NOTHING if value is None else f"{value:,.{places}g}"


def percent(share: float | None) -> str:
    """`12.3 %`."""
    return NOTHING if share is None else f"{share * 100:.1f} %"


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


def state_sign(state: str) -> str:
    """A mark for the state of a task, a DAG run or a web service, in Airflow's or the workspace's words."""
    return _STATES.get(state.lower(), ("busy", "\N{BLACK RIGHT-POINTING TRIANGLE}"))[1]


def state_name(state: str) -> str:
    """The state in words; `none` is Airflow's word for a task that has not begun."""
    return "Not begun" if state == "none" else label(state)


def state_tone(state: str) -> str:
    """The class of the state's colour."""
    return _STATES.get(state.lower(), ("busy", ""))[0]
