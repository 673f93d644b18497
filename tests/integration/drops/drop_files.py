"""Drops on disk for tests, with rows of few columns that are quickly made."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from azureml_drops.drop_settings import DropSettings
from azureml_drops.finding import FoundDrop, find_drop
from azureml_drops.ledger import DropRecord, DropStatus, read_drop
from azureml_drops.registered import RegisteredDrop
from azureml_drops.registration import Registrar
from azureml_drops.storage import LocalStorage
from azureml_workspace.protocol import Workspace

STORAGE = LocalStorage()


def rows(seed: int, count: int = 60, *, shift: float = 0.0) -> list[str]:
    """Lines of `a` (number), `b` (word) and the label `y`, which depends on `a`."""
    draw = random.Random(seed)
    lines = []
    for _ in range(count):
        a = draw.gauss(0, 1)
        lines.append(f"{a + shift:.4f},{draw.choice('pqr')},{'yes' if a + draw.gauss(0, 1) > 0 else 'no'}")
    return lines


@dataclass(frozen=True)
class Drops:
    """A dataset of drops in a folder."""

    workspace: Workspace
    folder: Path
    settings: DropSettings

    @classmethod
    def of(cls, workspace: Workspace, folder: Path, dataset: str) -> Drops:
        settings = DropSettings(dataset=dataset, pattern=f"{folder}/{{date}}.csv", label="y")
        return cls(workspace, folder, settings)

    def write(self, key: str, lines: list[str], header: str = "a,b,y") -> None:
        (self.folder / f"{key}.csv").write_text("\n".join([header, *lines]) + "\n")

    def found(self, key: str) -> FoundDrop:
        found = find_drop(self.settings.parsed, STORAGE, key)
        assert found is not None
        return found

    def registrar(self, by: str = "dag/run", **given: Any) -> Registrar:
        return Registrar(workspace=self.workspace, storage=STORAGE, settings=self.settings, by=by, **given)

    def register(self, key: str, by: str = "dag/run", **given: Any) -> RegisteredDrop:
        return self.registrar(by, **given).register(self.found(key))

    def with_settings(self, **changes: Any) -> Drops:
        return replace(self, settings=replace(self.settings, **changes))

    def record(self, key: str) -> DropRecord:
        record = read_drop(self.workspace, self.settings.dataset, key)
        assert record is not None
        return record

    def statuses(self, key: str) -> list[DropStatus]:
        return [event.status for event in self.record(key).events]

    def versions(self) -> list[tuple[int, str]]:
        found = self.workspace.list_dataset_versions(self.settings.dataset)
        return [(version.version, version.tags.get("drop_key", "")) for version in found]


class Recording:
    """A workspace that keeps which writes were asked of it; `fail_at` ends one: 1 before the first, 2 after it, ..."""

    def __init__(self, workspace: Workspace, fail_at: int = 0) -> None:
        self._workspace = workspace
        self._fail_at = fail_at
        self.writes: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._workspace, name)
        if name not in {"register_dataset", "write_document", "delete_document"}:
            return found

        def call(*given: Any, **named: Any) -> Any:
            self.writes.append(name)
            done = None if self._is_cut_before() else found(*given, **named)
            if len(self.writes) * 2 - 1 <= self._fail_at <= len(self.writes) * 2:
                raise KilledError
            return done

        return call

    def _is_cut_before(self) -> bool:
        return self._fail_at == len(self.writes) * 2 - 1


class KilledError(BaseException):
    """What a process is that was killed here."""
