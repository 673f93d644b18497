"""Which drops a model is trained on: this one, the last few, or all so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azureml_drops.baseline import KEY_TAG
from azureml_drops.contents import accepted_content
from azureml_drops.finding import FoundDrop, find_drops
from azureml_drops.ledger import DropStatus, read_drop
from azureml_drops.registered import short_reason, version_with
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import DatasetVersion, Record

if TYPE_CHECKING:
    from azureml_drops.registration import Registrar

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class WindowDrop(Record):
    """A drop whose rows are trained on."""

    key: str
    version: int
    fingerprint: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class LeftOut(Record):
    """A drop of the window that is not trained on, and why not."""

    key: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Window(Record):
    """The drops to train on, by key, and those that were left out."""

    drops: tuple[WindowDrop, ...]
    left_out: tuple[LeftOut, ...]


def parse_window(text: str) -> int | None:
    """How many drops: a whole number from 1, or `all`, which gives None. :raises InvalidRequest: neither."""
    given = text.strip().lower()
    if given == ALL:
        return None
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= 100_000:
        raise InvalidRequest(f"window is {text!r}; give 1 for this drop alone, N for the last N drops, or all.")
    return int(given)


def select_window(registrar: Registrar, this: WindowDrop, count: int | None) -> Window:
    """The last `count` accepted drops up to `this` one (None: all), which is always one of them.

    A drop that is there and that nobody has registered yet is validated and registered here: what a window holds must
    not depend on the order in which drops are processed. Of drops with one content only the newest counts.
    """
    chosen = {this.fingerprint: this}
    left_out: list[LeftOut] = []
    if count != 1:
        for candidate in _candidates(registrar, this.key):
            if count is not None and len(chosen) >= count:
                break
            _add(candidate, chosen, left_out)
    return Window(
        drops=tuple(sorted(chosen.values(), key=lambda drop: drop.key)),
        left_out=tuple(sorted(left_out, key=lambda drop: drop.key)),
    )


def _add(candidate: WindowDrop | LeftOut, chosen: dict[str, WindowDrop], left_out: list[LeftOut]) -> None:
    if isinstance(candidate, LeftOut):
        left_out.append(candidate)
        return
    other = chosen.setdefault(candidate.fingerprint, candidate)
    if other is not candidate:
        left_out.append(LeftOut(key=candidate.key, reason=f"It holds the content of drop {other.key}."))


def _candidates(registrar: Registrar, key: str) -> Iterator[WindowDrop | LeftOut]:
    """Every other drop up to `key`, the newest first."""
    settings = registrar.settings
    versions = registrar.workspace.list_dataset_versions(settings.dataset)
    found = {drop.key: drop for drop in find_drops(settings.parsed, registrar.storage)}
    known = {version.tags[KEY_TAG] for version in versions if version.tags.get(KEY_TAG)}
    for other in sorted(known | set(found), reverse=True):
        if other < key:
            yield _look(registrar, other, found.get(other), versions)


def _look(
    registrar: Registrar, key: str, found: FoundDrop | None, versions: list[DatasetVersion]
) -> WindowDrop | LeftOut:
    accepted = accepted_content(read_drop(registrar.workspace, registrar.settings.dataset, key))
    if accepted is not None:
        version = version_with(versions, accepted.fingerprint)
        if version is not None:
            return _window_drop(key, version)
    if found is None:
        return LeftOut(key=key, reason="It was never registered, and its file is not there.")
    try:
        done = registrar.register(found, versions)
    except InvalidRequest as error:
        return LeftOut(key=key, reason=short_reason(str(error)))
    if done.status is DropStatus.QUARANTINED:
        return LeftOut(key=key, reason=short_reason(f"Quarantined: {done.reason}"))
    if done.version is None:
        return LeftOut(
            key=key, reason=f"It holds the content of drop {done.duplicate_of}, which is not registered yet."
        )
    return WindowDrop(key=key, version=done.version, fingerprint=done.fingerprint, rows=done.rows)


def _window_drop(key: str, version: DatasetVersion) -> WindowDrop:
    return WindowDrop(key=key, version=version.version, fingerprint=version.fingerprint, rows=version.rows)
