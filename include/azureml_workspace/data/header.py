"""The first record of a delimited text file: the names of its columns."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass

from azureml_workspace.data.text import TextFile
from azureml_workspace.errors import InvalidRequest

_OTHER_SEPARATORS = {";": '";"', "\t": r'"\t" (a tab)', ",": '","', "|": '"|"'}
_NAMES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Header:
    """Column names in file order, without surrounding blanks, and how many blank lines stand before them."""

    names: tuple[str, ...]
    blank_lines: int


def check_separator(separator: str) -> str:
    r"""The separator as one character. The two characters `\t`, as a form's text field gives a tab, are a tab.

    :raises InvalidRequest: it is not one ASCII character, or is one that cannot separate.
    """
    if separator == "\\t":
        return "\t"
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n\0':
        raise InvalidRequest(
            f"separator is {separator!r}; give one ASCII character that is neither a quotation mark nor a line end, "
            r'for example "," or ";" or "\t".'
        )
    return separator


def read_header(text: TextFile, separator: str) -> Header:
    """The header of `text`; also makes sure that something follows it.

    :raises InvalidRequest: no row after the header, a column without a name, a name given twice, or a header that
        another separator splits.
    """
    with text.path.open(encoding=text.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=separator)
        blank_lines = 0
        try:
            raw = next(reader)
            while not raw:
                blank_lines += 1
                raw = next(reader)
            # Straight from the file: a reader of the csv module refuses values above 128 KiB, which rows may hold.
            has_rows = any(line.strip("\r\n") for line in file)
        except csv.Error as error:
            raise InvalidRequest(f"{text.path.name}, line {reader.line_num}: {error}.") from error
    names = tuple(name.strip() for name in raw)
    _refuse_other_separator(text, separator, names)
    if not has_rows:
        raise InvalidRequest(
            f"{text.path.name} holds a header of {len(names)} columns and no rows; give at least one row."
        )
    _refuse_bad_names(text, names)
    return Header(names=names, blank_lines=blank_lines)


def _refuse_other_separator(text: TextFile, separator: str, names: tuple[str, ...]) -> None:
    if len(names) > 1:
        return
    counts = {other: names[0].count(other) for other in _OTHER_SEPARATORS if other != separator}
    best = max(counts, key=lambda other: counts[other])
    if counts[best]:
        raise InvalidRequest(
            f"{text.path.name} has one column when split at {separator!r}, but its header holds {counts[best]} "
            f"{_OTHER_SEPARATORS[best]}; give separator={_OTHER_SEPARATORS[best]}."
        )


def _refuse_bad_names(text: TextFile, names: tuple[str, ...]) -> None:
    unnamed = [number for number, name in enumerate(names, 1) if not name]
    if unnamed:
        raise InvalidRequest(
            f"{text.path.name}: column {_shorten(unnamed)} of {len(names)} has no name in the header; name it or drop "
            "it. (pandas writes its index so, unless told index=False; a separator at the end of the line does it too.)"
        )
    twice = [repr(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InvalidRequest(
            f"{text.path.name}: the header names {_shorten(twice)} more than once; give every column its own name."
        )


def _shorten(items: list[str] | list[int]) -> str:
    shown = ", ".join(str(item) for item in items[:_NAMES_SHOWN])
    return shown if len(items) <= _NAMES_SHOWN else f"{shown} and {len(items) - _NAMES_SHOWN} more"
