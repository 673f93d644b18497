"""When a schedule is due: Azure's recurrences, in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

_FREQUENCIES = ("Month", "Week", "Day", "Hour", "Minute")
"""In the order of Azure's numbers: clients send either."""
_STEPS = {
    "Minute": timedelta(minutes=1),
    "Hour": timedelta(hours=1),
    "Day": timedelta(days=1),
    "Week": timedelta(weeks=1),
}
_WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WITH_TIMES = ("Day", "Week")
_MONTHS = 12
_MOST = 1000


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """Every `interval` units of `frequency` from `start` on (None: from the moment that the schedule was made).

    `times` are times of the day, for days and weeks; `week_days` count from Monday (0), for weeks. Both may be empty.
    """

    frequency: str
    interval: int
    start: datetime | None
    times: tuple[time, ...] = ()
    week_days: tuple[int, ...] = ()

    def first(self, now: datetime) -> datetime:
        """When it is due for the first time: at once without a start, as on Azure."""
        if self.start is None:
            return now
        if self.start <= now:
            return self.next(self.start, now)
        return self.next(self.start, self.start) if self._has_calendar else self.start

    def next(self, origin: datetime, after: datetime) -> datetime:
        """When it is due for the first time after that moment. `origin` is what the intervals are counted from."""
        if self._has_calendar:
            return next(moment for moment in self._calendar(origin, after) if moment > after and moment > origin)
        if self.frequency == "Month":
            return next(moment for moment in self._months(origin) if moment > after)
        step = self.interval * _STEPS[self.frequency]
        return origin + max(0, (after - origin) // step + 1) * step

    @property
    def _has_calendar(self) -> bool:
        return bool(self.times or self.week_days)

    def _calendar(self, origin: datetime, after: datetime) -> Iterator[datetime]:
        times = self.times or (origin.time(),)
        first_day = origin.date()
        monday = first_day - timedelta(days=first_day.weekday())
        day = max(first_day, after.date())
        while True:
            if self.frequency == "Day":
                is_due = (day - first_day).days % self.interval == 0
            else:
                wanted = self.week_days or (first_day.weekday(),)
                is_due = (day - monday).days // 7 % self.interval == 0 and day.weekday() in wanted
            if is_due:
                yield from (datetime.combine(day, moment, UTC) for moment in times)
            day += timedelta(days=1)

    def _months(self, origin: datetime) -> Iterator[datetime]:
        months = 0
        while True:
            total = origin.year * _MONTHS + origin.month - 1 + months
            yield _on_day(origin, total // _MONTHS, total % _MONTHS + 1)
            months += self.interval


def read_recurrence(given: Mapping[str, Any]) -> Recurrence:
    """Azure's Recurrence. :raises InvalidRequest: something in it cannot be."""
    frequency, interval = _frequency(given.get("Frequency")), given.get("Interval")
    if not isinstance(interval, int) or not 1 <= interval <= _MOST:
        raise InvalidRequest(f"Interval of the recurrence is {interval!r}; give 1 to {_MOST}.")
    zone = str(given.get("TimeZone") or "UTC")
    if zone != "UTC":
        raise InvalidRequest(f"TimeZone is {shown(zone)}; the local Azure ML keeps schedules in UTC only.")
    start = _moment(given.get("StartTime"))
    plan = given.get("Schedule") or {}
    if not isinstance(plan, Mapping):
        raise InvalidRequest(f"Schedule of the recurrence is {plan!r}; give an object of Hours, Minutes and WeekDays.")
    hours, minutes, days = (_list(name, plan.get(name)) for name in ("Hours", "Minutes", "WeekDays"))
    if (hours or minutes or days) and frequency not in _WITH_TIMES:
        raise InvalidRequest(f"hours, minutes and week days go with Day and Week, not with {frequency}.")
    return Recurrence(
        frequency=frequency,
        interval=interval,
        start=start,
        times=_times(hours, minutes, start),
        week_days=tuple(sorted({_week_day(day) for day in days})),
    )


def _list(name: str, given: Any) -> list[Any]:
    if not isinstance(given or [], list):
        raise InvalidRequest(f"{name} of the recurrence is {given!r}; give a list.")
    return given or []


def _frequency(given: Any) -> str:
    text = str(given)
    if text.isdecimal() and int(text) < len(_FREQUENCIES):
        return _FREQUENCIES[int(text)]
    if text not in _FREQUENCIES:
        raise InvalidRequest(f"Frequency of the recurrence is {shown(text)}; give one of {', '.join(_FREQUENCIES)}.")
    return text


def _week_day(given: Any) -> int:
    text = str(given)
    if text.isdecimal() and int(text) < len(_WEEK_DAYS):
        return int(text)
    if text not in _WEEK_DAYS:
        raise InvalidRequest(f"week day {shown(text)} is none of {', '.join(_WEEK_DAYS)}.")
    return _WEEK_DAYS.index(text)


def _times(hours: list[int], minutes: list[int], start: datetime | None) -> tuple[time, ...]:
    """:raises InvalidRequest: an hour or a minute that no clock shows."""
    if not hours and not minutes:
        return ()
    if not hours:
        hours = [0 if start is None else start.hour]
    try:
        return tuple(sorted(time(hour, minute) for hour in hours for minute in minutes or [0]))
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"hours {hours} and minutes {minutes} are no times of a day ({error}).") from error


def _moment(given: Any) -> datetime | None:
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise InvalidRequest(f"StartTime is {shown(str(given))}; give a time such as 2026-01-31T09:00:00.") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _on_day(moment: datetime, year: int, month: int) -> datetime:
    """That moment in another month; in one that is too short, on its last day."""
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")
