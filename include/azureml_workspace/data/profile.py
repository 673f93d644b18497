"""What a dataset version looks like: the records of `profile.json`. Small however large the data is."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_workspace.records import ColumnKind, Record

TOP_VALUES = 20
"""How many of a column's most frequent values a profile holds."""


@dataclass(frozen=True, kw_only=True)
class ValueCount(Record):
    """A value as text (cut at 100 characters, booleans as true/false) and in how many rows it stands."""

    value: str
    count: int


@dataclass(frozen=True, kw_only=True)
class NumberSummary(Record):
    """Figures of an integer or number column, nulls left out.

    `std` is the sample standard deviation, None for fewer than two values; it and `mean` are None where they exceed
    a 64-bit float. `quantiles` maps "0.05", "0.25", "0.5",
    "0.75" and "0.95" to the linearly interpolated quantile. `infinities` counts values that were infinite in the
    source and are null now.
    """

    minimum: float
    maximum: float
    mean: float | None
    std: float | None
    quantiles: dict[str, float]
    infinities: int = 0


@dataclass(frozen=True, kw_only=True)
class MixedTypes(Record):
    """A string column that holds numbers beside words: often a typing error, or a marker for "missing".

    `text_row` is the data row, counted from 1, of the first `text_example`.
    """

    numbers: int
    text: int
    number_example: str
    text_example: str
    text_row: int


@dataclass(frozen=True, kw_only=True)
class ColumnProfile(Record):
    """One column.

    `distinct` counts values other than null. `constant` is whether one value, or null, fills every row. `id_like` is
    whether the column names rows rather than describes them, by `profile_rules.is_id_like`. `top_values` are the most
    frequent first (strings and booleans, and integers of at most 1,000 distinct values). `earliest` and `latest` are
    ISO 8601, of a datetime column.
    """

    name: str
    kind: ColumnKind
    nulls: int
    distinct: int
    constant: bool
    id_like: bool
    examples: tuple[str, ...]
    numbers: NumberSummary | None = None
    top_values: tuple[ValueCount, ...] = ()
    earliest: str | None = None
    latest: str | None = None
    longest_text: int | None = None
    mixed: MixedTypes | None = None


@dataclass(frozen=True, kw_only=True)
class DataProfile(Record):
    """A dataset version. `source_bytes` is the size of the registered file; `duplicate_rows` counts the rows that
    equal an earlier one in every column."""

    rows: int
    source_bytes: int
    duplicate_rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile | None:
        """The profile of the column `name`, None when there is no such column."""
        return next((column for column in self.columns if column.name == name), None)
