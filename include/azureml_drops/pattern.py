"""Where drops are: a path with a placeholder, and which key a path under it has."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from azureml_drops.keys import KEY, date_of_key, validate_drop_key
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

HIDDEN_PREFIXES = (".", "_")
UNFINISHED_SUFFIXES = (".tmp", ".part")
"""How names of files begin or end that are no data: half-written ones, and what other programs leave beside data."""

EXAMPLES = "/data/drops/{date}.csv, wasbs://drops/raw/{date:%Y/%m/%d}/calls.csv or /data/drops/{key}/"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DIRECTIVES = {"Y": "[0-9]{4}", "m": "[0-9]{2}", "d": "[0-9]{2}", "j": "[0-9]{3}"}
_ISO = "%Y-%m-%d"
_EXAMPLE_DAY = date(2026, 11, 27)

_Kind = Literal["literal", "key", "Y", "m", "d", "j"]


@dataclass(frozen=True)
class _Piece:
    kind: _Kind
    text: str = ""


@dataclass(frozen=True)
class DropPattern:
    """A path with `{date}`, `{date:FORMAT}` or `{key}` in it; one that ends in `/` is a folder of CSV files.

    * `{date}` is a day as 2026-11-27. In `{date:FORMAT}` the format has `%Y`, `%m`, `%d` or `%j` (day of the year), and
      may have slashes. Either way the key is the day as 2026-11-27, so keys sort by time.
    * `{key}` is whatever `validate_drop_key` takes.

    A placeholder may occur more than once, and then means the same everywhere. `key_of` and `path_of` are each other's
    inverse: a path that would not be written just so has no key.

    `text` is the pattern as it was given, without a `file://`. `is_local` is whether it is a path on this machine.
    """

    text: str
    is_local: bool
    _pieces: tuple[_Piece, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """:raises InvalidRequest: it has no placeholder, two kinds of them, or one that cannot work; names it."""
        given = text.strip()
        path, is_local = _path_of_address(given)
        pieces = _pieces(given, path)
        pattern = cls(text=path, is_local=is_local, _pieces=pieces)
        _check_names(given, pattern)
        return pattern

    @property
    def is_dated(self) -> bool:
        """Whether the keys are days."""
        return all(piece.kind != "key" for piece in self._pieces)

    @property
    def is_folder(self) -> bool:
        """Whether a drop is a folder of files."""
        return self.text.endswith("/")

    @cached_property
    def root(self) -> str:
        """The deepest folder that holds every drop, with its slash; empty for the working directory."""
        fixed = self._pieces[0].text if self._pieces[0].kind == "literal" else ""
        return fixed[: fixed.rfind("/") + 1]

    @cached_property
    def levels(self) -> int:
        """How many folders deep below `root` the files are: 1 when they are in it."""
        return self.path_of(self._example)[len(self.root) :].count("/") + 1

    def key_of(self, path: str) -> str | None:
        """The key of the drop that has this path, or that is a folder with this file in it; None when none has."""
        if self.is_folder:
            path = path[: path.rfind("/") + 1]
        matched = self._expression.fullmatch(path)
        if matched is None:
            return None
        key = self._key_of_parts(matched.groupdict())
        return key if key is not None and self.path_of(key) == path else None

    def path_of(self, key: str) -> str:
        """Where the drop of that key is. :raises InvalidRequest: that is no key, or not one of this pattern."""
        if not self.is_dated:
            validate_drop_key(key)
            return "".join(key if piece.kind == "key" else piece.text for piece in self._pieces)
        day = date_of_key(key)
        parts = {"Y": f"{day.year:04d}", "m": f"{day.month:02d}", "d": f"{day.day:02d}"}
        parts["j"] = f"{day.timetuple().tm_yday:03d}"
        return "".join(parts.get(piece.kind, piece.text) for piece in self._pieces)

    @property
    def _example(self) -> str:
        return _EXAMPLE_DAY.isoformat() if self.is_dated else "key"

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        seen: set[str] = set()
        parts = []
        for piece in self._pieces:
            if piece.kind == "literal":
                parts.append(re.escape(piece.text))
            elif piece.kind in seen:
                parts.append(f"(?P={piece.kind})")
            else:
                parts.append(f"(?P<{piece.kind}>{_DIRECTIVES.get(piece.kind, KEY)})")
                seen.add(piece.kind)
        return re.compile("".join(parts))

    def _key_of_parts(self, parts: dict[str, str]) -> str | None:
        if not self.is_dated:
            return parts["key"]
        year = int(parts["Y"])
        try:
            if "m" in parts and "d" in parts:
                return date(year, int(parts["m"]), int(parts["d"])).isoformat()
            return date.fromordinal(date(year, 1, 1).toordinal() + int(parts["j"]) - 1).isoformat()
        except (ValueError, OverflowError):
            return None


def is_data_file(name: str) -> bool:
    """Whether a file of that name may be read: it is neither hidden nor half-written."""
    return not name.startswith(HIDDEN_PREFIXES) and not name.lower().endswith(UNFINISHED_SUFFIXES)


def _path_of_address(given: str) -> tuple[str, bool]:
    """The path or URI, and whether it is local."""
    scheme, mark, rest = given.partition("://")
    if not mark:
        return posixpath.expanduser(given).removeprefix("./"), True
    if scheme.lower() in {"http", "https"}:
        # Without the address: this is also raised while a DAG is parsed, where nothing masks a signature or a password.
        raise InvalidRequest(f"an {scheme.lower()} address cannot hold drops: nothing lists what a web server has.")
    try:
        authority = urlsplit(given).netloc
    except ValueError as error:
        raise InvalidRequest(f"{shown(given)} is not a valid address ({error}).") from error
    if scheme.lower() == "file":
        if authority not in {"", "localhost"}:
            raise InvalidRequest(f"{shown(given)} names the host {authority!r}; a file URI has three slashes.")
        return unquote(rest[len(authority) :]), True
    if not authority or "{" in authority or ":" in authority:
        raise InvalidRequest(
            f"the pattern has to name the container between {scheme}:// and the next slash, with neither a placeholder "
            "nor a password in it; the connection named by source_conn_id signs in."
        )
    if "?" in rest or "#" in rest:
        raise InvalidRequest(
            f"the pattern {scheme}://{authority}/... has a query or a fragment; leave it out, and keep a signature in "
            "the connection named by source_conn_id."
        )
    return given, False


def _pieces(given: str, path: str) -> tuple[_Piece, ...]:
    pieces: list[_Piece] = []
    end = 0
    for found in _PLACEHOLDER.finditer(path):
        _add_literal(pieces, path[end : found.start()])
        pieces += _placeholder(given, found[1])
        end = found.end()
    _add_literal(pieces, path[end:])
    if any("{" in piece.text or "}" in piece.text for piece in pieces):
        raise InvalidRequest(f"the pattern {shown(given)} has a brace that belongs to no placeholder.")
    kinds = {piece.kind for piece in pieces if piece.kind != "literal"}
    if not kinds:
        raise InvalidRequest(f"the pattern {shown(given)} has no placeholder; give one as in {EXAMPLES}.")
    if "key" in kinds and len(kinds) > 1:
        raise InvalidRequest(f"the pattern {shown(given)} has both {{key}} and {{date}}; give one of them.")
    if "key" not in kinds and not ("Y" in kinds and ("j" in kinds or {"m", "d"} <= kinds)):
        raise InvalidRequest(
            f"the dates in the pattern {shown(given)} do not say which day it is; give year, month and day: "
            "%Y, %m and %d, or %Y and %j."
        )
    return tuple(pieces)


def _placeholder(given: str, inside: str) -> list[_Piece]:
    if inside == "key":
        return [_Piece("key")]
    name, colon, layout = inside.partition(":")
    if name != "date" or (colon and "%" not in layout):
        raise InvalidRequest(
            f"the pattern {shown(given)} has the placeholder {{{inside}}}, which is not known; give {{date}}, "
            "{date:%Y%m%d} or {key}."
        )
    return _directives(given, layout or _ISO)


def _directives(given: str, layout: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    kinds: dict[str, _Kind] = {"Y": "Y", "m": "m", "d": "d", "j": "j"}
    characters = iter(layout)
    for character in characters:
        if character != "%":
            _add_literal(pieces, character)
            continue
        directive = next(characters, "")
        if directive == "%":
            _add_literal(pieces, "%")
        elif directive in kinds:
            pieces.append(_Piece(kinds[directive]))
        else:
            raise InvalidRequest(
                f"the pattern {shown(given)} has %{directive} in a date, which does not tell days apart everywhere; "
                "give %Y, %m, %d or %j."
            )
    return pieces


def _add_literal(pieces: list[_Piece], text: str) -> None:
    if pieces and pieces[-1].kind == "literal":
        pieces[-1] = _Piece("literal", pieces[-1].text + text)
    elif text:
        pieces.append(_Piece("literal", text))


def _check_names(given: str, pattern: DropPattern) -> None:
    """What the storage would call otherwise than the pattern, or would never give."""
    path = pattern.path_of(pattern._example)
    segments = path.partition("://")[2].split("/") if "://" in path else path.removeprefix("/").split("/")
    if pattern.is_folder:
        segments.pop()
    if any(segment in {"", ".", ".."} for segment in segments):
        raise InvalidRequest(f"the pattern {shown(given)} has an empty segment, `.` or `..` in it; leave those out.")
    if not pattern.is_folder and not is_data_file(segments[-1]):
        raise InvalidRequest(
            f"the pattern {shown(given)} names files that begin with {' or '.join(HIDDEN_PREFIXES)} or end in "
            f"{' or '.join(UNFINISHED_SUFFIXES)}: those are taken for half-written ones and are never read."
        )
