"""Outcomes of fits, kept so that an interrupted benchmark goes on where it was. The key holds all they depend on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import numpy as np

from benchmarks.model.engines import FoldOutcome

_ARRAYS = ("labels", "probabilities")


class Cache:
    """One file per outcome in `folder`; a half-written one has another name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, **key: object) -> FoldOutcome | None:
        """The outcome that was kept under the key."""
        path = self._path(key)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as saved:
            facts = json.loads(str(saved["facts"]))
            return FoldOutcome(labels=saved["labels"], probabilities=saved["probabilities"], **facts)

    def put(self, outcome: FoldOutcome, **key: object) -> None:
        """Keep the outcome."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {
            field.name: getattr(outcome, field.name)
            for field in dataclasses.fields(outcome)
            if field.name not in _ARRAYS
        }
        temporary = path.with_name(f".{os.getpid()}-{path.name}")
        np.savez(temporary, facts=json.dumps(facts), labels=outcome.labels, probabilities=outcome.probabilities)
        temporary.replace(path)

    def _path(self, key: dict[str, object]) -> Path:
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return self._folder / f"{key['dataset']}-{key['engine']}-fold{key['fold']}-{digest}.npz"
