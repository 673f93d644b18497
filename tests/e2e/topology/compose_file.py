"""docker-compose.yaml as `docker compose` reads it: variables filled in, one record per service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_OPENING = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|(?P<brace>\{))")
_BRACED = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?])(?P<word>.*))?", re.DOTALL)


class MissingVariable(Exception):
    """A variable that the file requires has no value; the message is the file's own."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """`source` is a named volume, or a folder of the host when it holds a slash."""

    source: str
    target: str

    @property
    def is_named(self) -> bool:
        return "/" not in self.source


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the file says of one service. `health` is the command of its health check, empty without one.

    `optional` names those of `depends_on` that need not be there.
    """

    name: str
    image: str
    is_built: bool
    command: list[str]
    environment: dict[str, str]
    health: list[str]
    restart: str
    depends_on: dict[str, str]
    optional: frozenset[str]
    mounts: list[Mount]
    profiles: list[str] = field(default_factory=list)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Fill in `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}` (nested too) and `$$`.

    :raises MissingVariable: a required one is missing or empty.
    """
    filled, position = "", 0
    while found := _OPENING.search(text, position):
        filled += text[position : found.start()]
        position = found.end()
        if found["escaped"]:
            filled += "$"
        elif found["plain"]:
            filled += variables.get(found["plain"], "")
        else:
            end = _closing(text, position)
            filled += _value(text[position:end], variables)
            position = end + 1
    return filled + text[position:]


def load(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """The services by name, in the file's order. :raises MissingVariable:"""
    content = _substitute_all(yaml.safe_load(path.read_text()), variables)
    return {name: _service(name, described) for name, described in content["services"].items()}


def _substitute_all(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _substitute_all(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_substitute_all(value, variables) for value in node]
    return substitute(node, variables) if isinstance(node, str) else node


def _closing(text: str, start: int) -> int:
    depth = 1
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise ValueError(f"{text!r}: a brace is not closed")


def _value(expression: str, variables: Mapping[str, str]) -> str:
    parts = _BRACED.fullmatch(expression)
    if parts is None:
        raise ValueError(f"${{{expression}}} is no variable")
    name, operator, word = parts["name"], parts["operator"] or "", parts["word"] or ""
    value = variables.get(name)
    if value or (value is not None and not operator.startswith(":")):
        return value
    if operator.endswith("?"):
        raise MissingVariable(f"required variable {name} is missing a value: {substitute(word, variables)}")
    return substitute(word, variables)


def _service(name: str, described: dict[str, Any]) -> Service:
    depends_on = described.get("depends_on", {})
    return Service(
        name=name,
        image=described["image"],
        is_built="build" in described,
        command=[str(word) for word in described["command"]],
        environment={key: str(value) for key, value in described.get("environment", {}).items()},
        health=_health(described.get("healthcheck", {})),
        restart=described.get("restart", "no"),
        depends_on={other: how["condition"] for other, how in depends_on.items()},
        optional=frozenset(other for other, how in depends_on.items() if not how.get("required", True)),
        mounts=[_mount(text) for text in described.get("volumes", [])],
        profiles=described.get("profiles", []),
    )


def _health(described: dict[str, Any]) -> list[str]:
    kind, *words = described.get("test", ["NONE"])
    return {"CMD": words, "CMD-SHELL": ["sh", "-c", *words], "NONE": []}[kind]


def _mount(text: str) -> Mount:
    source, target = text.removesuffix(":ro").rsplit(":", 1)
    return Mount(source=source, target=target)
