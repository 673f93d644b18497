"""Sixty daily drops with everything that happens to drops planted among them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

FIRST = date(2026, 1, 1)
DAYS = 60
ROWS = 150
LABEL = "bought"

NO_LABEL, ONE_CLASS, SHIFTED = 10, 25, 40
BAD = (NO_LABEL, ONE_CLASS, SHIFTED)
MISSING = (15, 33)
COPY, COPIED = 51, 50
"""Day 51 brings the file of day 50 once more."""


@dataclass(frozen=True)
class Planted:
    """The drops' folder, and which keys are what. Of a pair with one content either one is the good one."""

    folder: Path
    keys: tuple[str, ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    missing: tuple[str, ...]
    pair: tuple[str, str]

    @property
    def pattern(self) -> str:
        """Of the drops' paths."""
        return f"{self.folder}/{{date}}.csv"

    @property
    def contents(self) -> int:
        """How many good ones there are with a content of their own."""
        return len(self.good) - 1


def key_of(day: int) -> str:
    return (FIRST + timedelta(days=day)).isoformat()


def plant(folder: Path) -> Planted:
    """Write them. Every good drop is drawn from the same population."""
    folder.mkdir(parents=True, exist_ok=True)
    for day in range(DAYS):
        if day not in MISSING:
            (folder / f"{key_of(day)}.csv").write_text(_content(COPIED if day == COPY else day))
    keys = tuple(key_of(day) for day in range(DAYS))
    apart = {key_of(day) for day in (*BAD, *MISSING)}
    return Planted(
        folder=folder,
        keys=keys,
        good=tuple(key for key in keys if key not in apart),
        bad=tuple(key_of(day) for day in BAD),
        missing=tuple(key_of(day) for day in MISSING),
        pair=(key_of(COPIED), key_of(COPY)),
    )


def sample_rows(count: int = 2) -> list[dict[str, object]]:
    """Rows as a client sends them."""
    return [
        {"visits": visits, "colour": colour, "price": float(price)} for visits, colour, price in _rows(0, count, False)
    ]


def _content(day: int) -> str:
    lines = []
    header = ["visits", "colour", "price", LABEL]
    for visits, colour, price in _rows(day, ROWS, shifted=day == SHIFTED):
        chance = random.Random(f"{visits} {colour} {price}")
        bought = visits + (5 if colour == "red" else 0) + chance.gauss(0, 3) > 12
        lines.append([str(visits), colour, price, "no" if day == ONE_CLASS or not bought else "yes"])
    if day == NO_LABEL:
        header, lines = header[:-1], [line[:-1] for line in lines]
    return "\n".join(",".join(line) for line in [header, *lines]) + "\n"


def _rows(day: int, count: int, shifted: bool) -> Sequence[tuple[int, str, str]]:
    chance = random.Random(day)
    colours = ["orange", "violet"] if shifted else ["red", "green", "blue"]
    least = 500 if shifted else 0
    return [(chance.randint(least, least + 20), chance.choice(colours), f"{chance.random():.4f}") for _ in range(count)]
