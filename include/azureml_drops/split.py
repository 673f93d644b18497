"""Which rows a model is trained on, and which it is judged by: the same side for the same row, for ever.

A row's side is decided by a hash of its values and by nothing else: neither by its place nor by the drop it came in. So
a row that is in two drops, or in windows of several drops, is on the same side in each, and no model that was trained
on drops has seen a holdout row of any other.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import DatasetFile, Record
from azureml_workspace.texts import shown

LONGEST_VALUE = 128 << 20
"""Characters of a field, as many as a registration reads."""

_WHOLE = 1 << 64
_TRUTHS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})


@dataclass(frozen=True, kw_only=True)
class Split(Record):
    """`holdout_share` of the rows (more than 0, less than 1) are the holdout, told by their values in `columns`.

    `columns` are all but the label, or the columns that name a group, whose rows then stay together.
    """

    holdout_share: float
    columns: tuple[str, ...]

    @classmethod
    def of(cls, columns: Sequence[str], *, label: str, holdout_share: float, group_columns: Sequence[str] = ()) -> Self:
        """The split of a table with these columns. :raises InvalidRequest: names what cannot work."""
        if not 0.01 <= holdout_share <= 0.5:
            raise InvalidRequest(f"holdout_share is {holdout_share:g}; give a share of the rows between 0.01 and 0.5.")
        for name, argument in ((label, "label"), *((group, "group_columns") for group in group_columns)):
            if name not in columns:
                raise InvalidRequest(
                    f"{argument} names {shown(name)}; the drop has no such column. "
                    f"It has {', '.join(map(shown, columns[:20]))}{', ...' if len(columns) > 20 else ''}."
                )
        if label in group_columns:
            raise InvalidRequest(f"group_columns holds the label {shown(label)}; rows of a class are no group.")
        chosen = group_columns or [name for name in columns if name != label]
        return cls(holdout_share=holdout_share, columns=tuple(sorted(set(chosen))))

    @property
    def identity(self) -> str:
        """What two splits have in common if they put every row on the same side."""
        names = hashlib.sha256(json.dumps(self.columns).encode()).hexdigest()[:12]
        return f"hash1:{self.holdout_share:g}:{names}"

    def is_holdout(self, values: Iterable[str]) -> bool:
        """The side of a row with these values, in the order of `columns`."""
        text = "\0".join(_same_value(value) for value in values)
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.holdout_share * _WHOLE


@dataclass(frozen=True, kw_only=True)
class SplitCounts(Record):
    """Rows per label on either side, and rows without a label, which are on neither."""

    training: dict[str, int] = field(default_factory=dict)
    holdout: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0


def write_split(
    files: Iterable[DatasetFile], split: Split, *, columns: Sequence[str], label: str, training: Path, holdout: Path
) -> SplitCounts:
    """Write the rows of all files, in their order, to the two files, as comma-separated UTF-8 with this header.

    A column that a file lacks is empty there, and one that is not in `columns` is left out. Nothing is held in memory.
    """
    sides = {False: Counter[str](), True: Counter[str]()}
    unlabelled = 0
    with (
        training.open("w", encoding="utf-8", newline="") as first,
        holdout.open("w", encoding="utf-8", newline="") as second,
    ):
        writers = {False: csv.writer(first, lineterminator="\n"), True: csv.writer(second, lineterminator="\n")}
        for writer in writers.values():
            writer.writerow(columns)
        places = [list(columns).index(name) for name in split.columns]
        at_label = list(columns).index(label)
        for row in _rows(files, columns):
            if row[at_label].strip() in _null_labels():
                unlabelled += 1
                continue
            side = split.is_holdout(row[place] for place in places)
            writers[side].writerow(row)
            sides[side][row[at_label].strip()] += 1
    return SplitCounts(training=dict(sides[False]), holdout=dict(sides[True]), unlabelled=unlabelled)


def require_both_sides(counts: SplitCounts, split: Split, *, label: str) -> tuple[str, ...]:
    """Make sure that a model can be trained on one side and judged by the other; gives what a person should know.

    :raises InvalidRequest: a side has no rows, or rows of one class only.
    """
    for name, side, other in (("training", counts.training, "holdout"), ("holdout", counts.holdout, "training")):
        rows = sum(side.values())
        if len(side) < 2:
            has = f"{rows:,} rows, all with the label {shown(next(iter(side)))}" if side else "no rows"
            raise InvalidRequest(
                f"the {name} side of the split {split.identity} has {has} (the {other} side has "
                f"{sum((counts.holdout if name == 'training' else counts.training).values()):,}); it needs two classes "
                f"of {shown(label)}. Give a wider window, another holdout_share, or larger drops."
            )
    missing = [name for name in counts.training if name not in counts.holdout]
    unknown = [name for name in counts.holdout if name not in counts.training]
    notes = []
    if missing:
        notes.append(f"No holdout row has the label {', '.join(map(shown, missing[:5]))}; it is not measured.")
    if unknown:
        notes.append(f"No training row has the label {', '.join(map(shown, unknown[:5]))}; no model can predict it.")
    if counts.unlabelled:
        notes.append(f"{counts.unlabelled:,} rows without a label are left out.")
    return tuple(notes)


def _rows(files: Iterable[DatasetFile], columns: Sequence[str]) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_VALUE)
    for file in files:
        encoding = "utf-8-sig" if file.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else file.encoding
        with Path(file.path).open(encoding=encoding, newline="") as source:
            reader = csv.reader(source, delimiter=file.separator)
            header = [name.strip() for name in next(row for row in reader if row)]
            places = [header.index(name) if name in header else None for name in columns]
            for row in reader:
                if row:
                    yield ["" if place is None else row[place] for place in places]


def _same_value(value: str) -> str:
    """One text for every way to write a number, a truth or nothing: another drop may have 1.0 where this one has 1, or
    NaN where this one has an empty field."""
    text = value.strip()
    if text in _nulls():
        return ""
    try:
        return repr(float(text))
    except ValueError:
        return text.lower() if text in _TRUTHS else text


@cache
def _nulls() -> frozenset[str]:
    """What a registration reads as null in some column or other."""
    from azureml_workspace.data.kinds import EVERYWHERE, NOT_AMONG_WORDS  # takes Arrow: not worth the parse of a DAG

    return frozenset(EVERYWHERE + NOT_AMONG_WORDS)


@cache
def _null_labels() -> frozenset[str]:
    """What is null in a column of words too, and so never a class."""
    from azureml_workspace.data.kinds import EVERYWHERE

    return frozenset(EVERYWHERE)
