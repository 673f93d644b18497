"""A benchmark's section of RESULTS.md: written as a whole, the other sections are left alone."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.machine import machine, now, revision

HEAD = """# Benchmark results

Written by `make bench` (`python -m benchmarks`). Each section is replaced when its benchmark runs and says itself when,
where and how it was measured. Figures are medians with (least to greatest, repetitions). Side by side means in one run,
in alternating order: trust the ratios more than the absolute times.
"""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A figure that was promised. `observed` and `limit` are shown as they are."""

    name: str
    limit: str
    observed: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Section:
    """What a benchmark found. `blocks` are Markdown paragraphs and tables, in order.

    `complete` False marks a run of part of it, or a trial of the harness: printed, but not kept as a result.
    """

    key: str
    title: str
    command: str
    versions: str
    goals: tuple[Goal, ...]
    blocks: tuple[str, ...] = field(default=())
    complete: bool = True

    @property
    def passed(self) -> bool:
        """Whether every goal was reached."""
        return all(goal.passed for goal in self.goals)

    def render(self) -> str:
        """The section as Markdown."""
        facts = [
            f"Measured {now()} at revision {revision()} with `{self.command}`.  ",
            f"Machine: {machine()}.  ",
            f"Versions: {self.versions}.",
        ]
        goals = table(
            ("Goal", "Wanted", "Measured", ""),
            [(goal.name, goal.limit, goal.observed, "pass" if goal.passed else "**FAIL**") for goal in self.goals],
        )
        parts = [f"## {self.title}", "\n".join(facts), *([goals] if self.goals else []), *self.blocks]
        return "\n\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def write_section(section: Section, path: Path) -> None:
    """Put the section into the file, in place of its predecessor or at the end."""
    begin, end = f"<!-- begin {section.key} -->", f"<!-- end {section.key} -->"
    block = f"{begin}\n{section.render()}\n{end}"
    content = path.read_text() if path.exists() else HEAD
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced, count = pattern.subn(lambda _: block, content)
    if not count:
        replaced = f"{content.rstrip()}\n\n{block}\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(replaced)
    temporary.replace(path)
