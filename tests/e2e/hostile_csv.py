"""A CSV whose names and values mean to be more than text, with something to learn in it."""

from __future__ import annotations

import csv
import random
from pathlib import Path

SCRIPT = "<script>alert(1)</script>"
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"
EMOJI = "\N{GRINNING FACE} mood"
LONG = "long " + "z" * 1995
LABEL = "answer"


def write_hostile_csv(path: Path, rows: int = 400) -> None:
    """Four columns and the label; the category `kind` has a level of 2,000 characters."""
    chance = random.Random(5)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([SCRIPT, RIGHT_TO_LEFT, EMOJI, "kind", LABEL])
        for _ in range(rows):
            number, amount = chance.randint(0, 20), chance.random()
            kind = chance.choice([LONG, SCRIPT, RIGHT_TO_LEFT, "plain"])
            weight = number + (6 if kind == LONG else 0) + chance.gauss(0, 3)
            writer.writerow(
                [
                    number,
                    f"{amount:.3f}",
                    chance.choice(["\N{GRINNING FACE}", "ok"]),
                    kind,
                    "yes" if weight > 12 else "no",
                ]
            )
