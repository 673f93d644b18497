"""A chart as a page shows it: the drawing, a sentence, and the same figures as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import bidirectional

from markupsafe import Markup

from airflow_azureml.ui.charts.drawing import draw

LONGEST_LABEL = 40
"""Characters of a name on an axis; the table beneath has all of it."""

Values = list[dict[str, Any]]

_TURNING = frozenset({"R", "AL", "RLE", "RLO", "LRE", "LRO", "RLI", "LRI", "FSI", "PDF"})


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`svg` is safe to put into a page. `title` names the chart, `says` tells in words what it shows.

    `columns` and `rows` are its figures, as text; `numbers` are the columns that hold numbers, by place.
    """

    title: str
    says: str
    svg: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        spec: Mapping[str, Any],
        *,
        title: str,
        says: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        numbers: Iterable[int] = (),
    ) -> Chart:
        """Draw the specification."""
        return cls(
            title=title,
            says=says,
            svg=draw(spec, label=f"{title}. {says}"),
            columns=tuple(columns),
            rows=tuple(tuple(row) for row in rows),
            numbers=frozenset(numbers),
        )


def short(text: str) -> str:
    """One line that fits on an axis."""
    line = " ".join(text.split())
    return isolated(line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}")


def isolated(text: str) -> str:
    """The text such that its direction turns nothing around that stands beside it (UAX #9, explicit isolates)."""
    if any(bidirectional(character) in _TURNING for character in text):
        return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
    return text


def distinct(names: Sequence[str]) -> list[str]:
    """The names as labels that differ: long ones that begin alike get a number."""
    seen: dict[str, int] = {}
    labels = []
    for name in names:
        label = short(name) or "(empty)"
        seen[label] = seen.get(label, 0) + 1
        labels.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return labels


def quantity(field: str, title: str, **given: Any) -> dict[str, Any]:
    """An encoding of numbers with a title that names the unit."""
    return {"field": field, "type": "quantitative", "title": title, **given}


def category(field: str, title: str | None, order: Sequence[str], **given: Any) -> dict[str, Any]:
    """An encoding of names in that order."""
    return {"field": field, "type": "nominal", "title": title, "sort": list(order), **given}


SHARES = {"domain": [0, 1]}
"""The scale of shares."""


def percent(share: float) -> str:
    """`12.3 %`."""
    return f"{share * 100:.1f} %"


def figure(value: float | None, places: int = 4) -> str:
    """A number of so many significant digits; a dash for none."""
    return "\N{EN DASH}" if value is None else f"{value:,.{places}g}"
