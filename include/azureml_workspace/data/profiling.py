"""Describes typed data column by column, so that memory is that of one column and not of the table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from azureml_workspace.data.profile import TOP_VALUES, ColumnProfile, DataProfile, MixedTypes, NumberSummary, ValueCount
from azureml_workspace.data.profile_rules import NUMBER, is_id_like
from azureml_workspace.data.values import as_text
from azureml_workspace.records import ColumnKind, ColumnSchema

_EXAMPLES = 3
_EXAMPLE_ROWS = 1_000
_TEXT_SHOWN = 100
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_COUNTED_INTEGERS = 1_000
_NULL_INTEGER = -(2**63) + 1
"""Stands for a null when rows are compared; any integer would do, this one is the least likely to be a value."""

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class _Levels:
    """The distinct values of a column in order of appearance, how often each stands, and each row's (null: -1)."""

    values: Any
    counts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


def profile_parquet(
    path: Path, columns: Sequence[ColumnSchema], infinities: Mapping[str, int], source_bytes: int
) -> DataProfile:
    """The profile of a parquet file that `ingest` wrote, with what only the reading of the source could count."""
    with parquet.ParquetFile(path) as file:
        rows = int(file.metadata.num_rows)
        hashes = np.zeros(rows, dtype=np.uint64)
        profiles: list[ColumnProfile] = []
        for column in columns:
            values = file.read(columns=[column.name], use_threads=False).column(0)
            levels = _levels(values) if _is_counted(column.kind, values) else None
            profiles.append(_profile_column(column, values, levels, infinities.get(column.name, 0)))
            _mix_into(hashes, _as_words(values, levels))
    return DataProfile(
        rows=rows,
        source_bytes=source_bytes,
        duplicate_rows=rows - _count_different(hashes),
        columns=tuple(profiles),
    )


def _is_counted(kind: ColumnKind, values: Any) -> bool:
    if kind == "integer":
        return _count_distinct(values) <= _COUNTED_INTEGERS
    return kind in {"string", "boolean"}


def _count_distinct(values: Any) -> int:
    """How many different numbers or moments a column holds."""
    filled = values.drop_null()
    return _count_different(_as_words(filled, None)) if len(filled) else 0


def _count_different(words: Words) -> int:
    """How many different words there are. A hash table, such as Arrow's or NumPy's, is ten times as large as they."""
    ordered = np.sort(words)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(len(ordered), 1)


def _levels(values: Any) -> _Levels:
    encoded = values.dictionary_encode()  # all parts at once, so that they have one dictionary
    dictionary = encoded.chunk(0).dictionary if encoded.num_chunks else pa.nulls(0, values.type)
    indices = [_plain(chunk.indices, -1) for chunk in encoded.chunks]
    rows = np.concatenate(indices).astype(np.int64) if indices else np.zeros(0, dtype=np.int64)
    return _Levels(dictionary, np.bincount(rows[rows >= 0], minlength=len(dictionary)).astype(np.int64), rows)


def _profile_column(column: ColumnSchema, values: Any, levels: _Levels | None, infinities: int) -> ColumnProfile:
    rows, nulls = len(values), int(values.null_count)
    distinct = len(levels.values) if levels else _count_distinct(values)
    moments = pc.min_max(values) if column.kind == "datetime" and nulls < rows else None
    is_text = column.kind == "string" and levels is not None and distinct > 0
    return ColumnProfile(
        name=column.name,
        kind=column.kind,
        nulls=nulls,
        distinct=distinct,
        constant=distinct + (nulls > 0) <= 1,
        id_like=is_id_like(
            column.name,
            column.kind,
            rows=rows,
            filled=rows - nulls,
            distinct=distinct,
            integers=lambda: np.concatenate([_plain(chunk, 0) for chunk in values.drop_null().chunks]),
        ),
        examples=_examples(values, levels),
        numbers=_summarize(values, infinities) if column.kind in {"integer", "number"} and nulls < rows else None,
        top_values=_top_values(levels) if levels else (),
        earliest=as_text(moments["min"].as_py()) if moments else None,
        latest=as_text(moments["max"].as_py()) if moments else None,
        longest_text=int(pc.max(pc.utf8_length(levels.values)).as_py()) if levels and is_text else None,
        mixed=_find_mixed(values, levels) if levels and is_text else None,
    )


def _examples(values: Any, levels: _Levels | None) -> tuple[str, ...]:
    some = levels.values if levels else pc.unique(values.slice(0, _EXAMPLE_ROWS).drop_null())
    return tuple(as_text(value)[:_TEXT_SHOWN] for value in some.slice(0, _EXAMPLES).to_pylist())


def _top_values(levels: _Levels) -> tuple[ValueCount, ...]:
    order = np.argsort(-levels.counts, kind="stable")[:TOP_VALUES]
    return tuple(
        ValueCount(value=as_text(levels.values[int(place)].as_py())[:_TEXT_SHOWN], count=int(levels.counts[place]))
        for place in order
    )


def _summarize(values: Any, infinities: int) -> NumberSummary:
    doubles = pc.cast(values, pa.float64(), safe=False)
    limits = pc.min_max(doubles)
    minimum, maximum = float(limits["min"].as_py()), float(limits["max"].as_py())
    quantiles = pc.quantile(doubles, q=list(_QUANTILES), interpolation="linear").to_pylist()
    return NumberSummary(
        minimum=minimum,
        maximum=maximum,
        mean=_finite(pc.mean(doubles).as_py()),
        std=_finite(pc.stddev(doubles, ddof=1).as_py()),
        # Between two values far apart the interpolation itself overflows.
        quantiles={f"{q:g}": min(max(value, minimum), maximum) for q, value in zip(_QUANTILES, quantiles, strict=True)},
        infinities=infinities,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _find_mixed(values: Any, levels: _Levels) -> MixedTypes | None:
    is_number = pc.match_substring_regex(levels.values, NUMBER)
    number_levels, text_levels = levels.values.filter(is_number), levels.values.filter(pc.invert(is_number))
    if not len(number_levels) or not len(text_levels):
        return None
    is_text_row = pc.invert(pc.match_substring_regex(values, NUMBER))
    text = int(pc.sum(is_text_row).as_py())
    return MixedTypes(
        numbers=len(values) - values.null_count - text,
        text=text,
        number_example=number_levels[0].as_py()[:_TEXT_SHOWN],
        text_example=text_levels[0].as_py()[:_TEXT_SHOWN],
        text_row=int(pc.index(values, text_levels[0]).as_py()) + 1,  # levels stand in order of appearance
    )


def _as_words(values: Any, levels: _Levels | None) -> Words:
    """One 64-bit word per row that is equal exactly where the values are equal."""
    if levels is not None:
        return levels.rows.view(np.uint64)
    words: Words
    if pa.types.is_floating(values.type):
        doubles = np.concatenate([_plain(chunk, math.nan) for chunk in values.chunks])
        words = (doubles + 0.0).view(np.uint64)  # -0.0 and 0.0 are equal: -0.0 + 0.0 is 0.0
        return words
    integers = pc.cast(values, pa.int64())
    words = np.concatenate([_plain(chunk, _NULL_INTEGER) for chunk in integers.chunks]).view(np.uint64)
    return words


def _plain(values: Any, null: float) -> npt.NDArray[Any]:
    """A number array as NumPy's, with `null` for its nulls. (Arrow's own ways, to_numpy and others, import pandas.)"""
    dtype = np.dtype(f"{'f' if pa.types.is_floating(values.type) else 'i'}{values.type.bit_width // 8}")
    plain = np.frombuffer(values.buffers()[1], dtype=dtype)[values.offset : values.offset + len(values)]
    if not values.null_count:
        return plain
    is_null = np.unpackbits(np.frombuffer(values.is_null().buffers()[1], dtype=np.uint8), bitorder="little")
    return np.where(is_null[: len(values)].astype(bool), dtype.type(null), plain)


def _mix_into(hashes: Words, words: Words) -> None:
    """Mix a column into the hashes of its rows, with the finalizer of splitmix64 (Steele, Lea, Flood 2014)."""
    hashes ^= words
    hashes += np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
