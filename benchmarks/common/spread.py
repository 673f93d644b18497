"""Repetitions of one measurement."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Least, median and greatest of some repetitions."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of at least one value."""
        found = tuple(values)
        if not found:
            raise ValueError("a spread needs at least one value")
        return cls(found)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def show(self, form: str = ".3g") -> str:
        """`median (min to max, n)`."""
        least, most = min(self.values), max(self.values)
        return f"{self.median:{form}} ({least:{form}} to {most:{form}}, n={len(self.values)})"


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Ratios of measurements that were taken one after the other, so that slow drift of the machine cancels out."""
    return Spread.of(above / below for above, below in zip(numerators, denominators, strict=True))


def paired_differences(firsts: Sequence[float], seconds: Sequence[float]) -> Spread:
    """Differences of measurements that were taken one after the other."""
    return Spread.of(first - second for first, second in zip(firsts, seconds, strict=True))
