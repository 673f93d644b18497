"""OData filters of queries for runs, as far as run history's clients write them.

`(RootRunId eq x and (Properties/runTemplate eq "automl_child"))`: comparisons joined by `and` and `or`. Values may
stand in quotes or not. What does not exist fulfils no comparison, `ne` included, because the SDK asks for a tag of any
value with `(Tags/t ne null or Tags/t eq null)`.
"""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

Predicate = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Filter:
    """Whether a run's document fulfils a filter; and what every run does that can, for who would not read all.

    `families`: it has one of these ids, or its parent or its root has; None: whatever it has. `without_parent`: it has
    no parent.
    """

    holds: Predicate
    families: frozenset[str] | None = None
    without_parent: bool = False

    def __call__(self, run: Mapping[str, Any]) -> bool:
        """Whether the run fulfils it."""
        return self.holds(run)


EVERY_RUN = Filter(lambda _: True)

_LONGEST = 100_000
"""Characters. The SDK names every run of a long list in one filter."""
_DEEPEST = 50
# Words and the space between them are told apart everywhere, so that a match takes time in proportion to its length:
# nothing else runs in this process meanwhile.
_COMPARISON = re.compile(
    r"""\s*(?P<field>[^()"'\s]+(?:\s+[^()"'\s]+)*?)\s+(?P<operator>eq|ne|gt|ge|lt|le)\s+"""
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^()"'\s]+(?:\s+(?!and\b|or\b)[^()"'\s]+)*))""",
    re.IGNORECASE,
)
_JOIN = re.compile(r"\s*(and|or)\b", re.IGNORECASE)
_OF_A_FAMILY = frozenset({"runId", "parentRunId", "rootRunId"})
_DICTIONARIES = frozenset({"properties", "tags"})
_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "gt": operators.gt,
    "ge": operators.ge,
    "lt": operators.lt,
    "le": operators.le,
}
_MISSING = object()


def parse_filter(text: Any) -> Filter:
    """The filter; every run fulfils none. :raises InvalidRequest: not understood."""
    if text is None:
        return EVERY_RUN
    if not isinstance(text, str):
        raise InvalidRequest(f"a filter is text, and not a {type(text).__name__}.")
    if not text.strip():
        return EVERY_RUN
    if len(text) > _LONGEST:
        raise InvalidRequest(f"the filter has {len(text)} characters; at most {_LONGEST} are read.")
    reader = _Reader(text)
    found = reader.read_joined(0)
    reader.require_end()
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read_joined(self, depth: int) -> Filter:
        """`a and b or c`; `and` binds tighter."""
        alternatives = [[self._read_term(depth)]]
        while (join := _JOIN.match(self._text, self._at)) is not None:
            self._at = join.end()
            term = self._read_term(depth)
            if join[1].lower() == "or":
                alternatives.append([term])
            else:
                alternatives[-1].append(term)
        return _any_of([_all_of(terms) for terms in alternatives])

    def require_end(self) -> None:
        if self._text[self._at :].strip():
            raise self._refusal()

    def _read_term(self, depth: int) -> Filter:
        if depth > _DEEPEST:
            raise InvalidRequest(f"the filter has more than {_DEEPEST} brackets within each other.")
        if self._takes("("):
            inner = self.read_joined(depth + 1)
            if not self._takes(")"):
                raise self._refusal()
            return inner
        found = _COMPARISON.match(self._text, self._at)
        if found is None:
            raise self._refusal()
        self._at = found.end()
        quoted = found["double"] if found["double"] is not None else found["single"]
        value = quoted if quoted is not None else found["bare"]
        is_null = quoted is None and value.lower() == "null"
        return _comparison(found["field"], found["operator"].lower(), None if is_null else value)

    def _takes(self, sign: str) -> bool:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        if not self._text.startswith(sign, self._at):
            return False
        self._at += 1
        return True

    def _refusal(self) -> InvalidRequest:
        return InvalidRequest(
            f"the filter is not understood from {shown(self._text[self._at :])} on; write comparisons such as "
            'Status eq "Completed", joined by and or or.'
        )


def _all_of(terms: Sequence[Filter]) -> Filter:
    known = [term.families for term in terms if term.families is not None]
    return Filter(
        lambda run: all(term(run) for term in terms),
        families=min(known, key=len) if known else None,
        without_parent=any(term.without_parent for term in terms),
    )


def _any_of(terms: Sequence[Filter]) -> Filter:
    known = [term.families for term in terms if term.families is not None]
    return Filter(
        lambda run: any(term(run) for term in terms),
        families=frozenset().union(*known) if len(known) == len(terms) else None,
        without_parent=all(term.without_parent for term in terms),
    )


def _comparison(field: str, operator: str, value: str | None) -> Filter:
    def holds(run: Mapping[str, Any]) -> bool:
        found = _value(run, field)
        if found is _MISSING:
            return False
        if operator in ("eq", "ne"):
            same = found is None if value is None else found is not None and str(found) == value
            return same is (operator == "eq")
        if found is None or value is None:
            return False
        left, right = _ordered(str(found), value)
        return bool(_ORDER[operator](left, right))

    name = _name(field)
    is_equal = operator == "eq"
    return Filter(
        holds,
        families=frozenset({value}) if is_equal and value is not None and name in _OF_A_FAMILY else None,
        without_parent=is_equal and value is None and name == "parentRunId",
    )


def _name(field: str) -> str:
    """A field as documents write it."""
    return field[:1].lower() + field[1:]


def _value(run: Mapping[str, Any], field: str) -> Any:
    name, _, rest = field.partition("/")
    key = _name(name)
    if key in _DICTIONARIES:
        return (run.get(key) or {}).get(rest, _MISSING)
    if key == "runTypeV2":
        part, _, trait = rest.partition("/")
        kind = run.get(key) or {}
        return kind.get("orchestrator") if part == "Orchestrator" else trait if trait in kind["traits"] else _MISSING
    return run.get(key, _MISSING)


def _ordered(found: str, value: str) -> tuple[Any, Any]:
    """Both as moments when both are, else as text."""
    try:
        moments = [datetime.fromisoformat(text) for text in (found, value)]
    except ValueError:
        return found, value
    first, second = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments)
    return first, second
