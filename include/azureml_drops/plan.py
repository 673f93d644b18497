"""What a model is trained on: drops of a window, split, as two dataset versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from azureml_drops.split import Split, require_both_sides, write_split
from azureml_drops.window import LeftOut, Window, WindowDrop
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetFile, DatasetSource, DatasetVersion, Record

TRAINING_SUFFIX = "-training"
HOLDOUT_SUFFIX = "-holdout"

MOST_DROPS = 100
MOST_LEFT_OUT = 50
"""Named in a plan, which is part of a document: a window of all drops may have thousands."""


@dataclass(frozen=True, kw_only=True)
class PlannedDataset(Record):
    """A dataset version that one side of the split is."""

    name: str
    version: int
    rows: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(Record):
    """What is trained on and what it is judged by.

    `drop_key` is the newest drop's, `holdout_split` the split's identity.
    `drops` are the newest of the `drops_count` drops of the window, by key; the first of all is `first_key`. `left_out`
    are the newest of the `left_out_count` that are not part of it. `notes` are for a person.
    """

    dataset: str
    drop_key: str
    window: str
    label: str
    training_key: str
    holdout_split: str
    training: PlannedDataset
    holdout: PlannedDataset
    first_key: str
    drops: tuple[WindowDrop, ...]
    drops_count: int
    left_out: tuple[LeftOut, ...] = ()
    left_out_count: int = 0
    notes: tuple[str, ...] = ()


def training_key(window: Window, split: Split, *, label: str, settings: Mapping[str, Any]) -> str:
    """20 hexadecimal digits that are the same for the same content, split, label and settings of the training."""
    parts = [[drop.fingerprint for drop in window.drops], split.identity, label, dict(settings)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def make_plan(
    workspace: Workspace,
    window: Window,
    split: Split,
    *,
    dataset: str,
    columns: Sequence[str],
    label: str,
    key: str,
    window_text: str,
) -> TrainingPlan:
    """Fetch the drops, split them, register both sides. The same again finds the versions that are there.

    :param columns: of the newest drop: those that both sides have.
    :param key: of the training, see `training_key`.
    :raises InvalidRequest: a side would be empty or of one class.
    """
    this = window.drops[-1]
    with TemporaryDirectory(prefix="azureml-split-") as folder:
        training, holdout = Path(folder) / "training.csv", Path(folder) / "holdout.csv"
        files = _fetched(workspace, dataset, window.drops, Path(folder))
        counts = write_split(files, split, columns=columns, label=label, training=training, holdout=holdout)
        notes = require_both_sides(counts, split, label=label)
        tags = {
            "drop_dataset": dataset,
            "drop_key": this.key,
            "drop_first_key": window.drops[0].key,
            "drop_count": str(len(window.drops)),
            "holdout_split": split.identity,
        }
        sides = [
            _planned(workspace.register_dataset(name, DatasetSource(path=str(path)), tags=tags))
            for name, path in ((dataset + TRAINING_SUFFIX, training), (dataset + HOLDOUT_SUFFIX, holdout))
        ]
    return TrainingPlan(
        dataset=dataset,
        drop_key=this.key,
        window=window_text,
        label=label,
        training_key=key,
        holdout_split=split.identity,
        training=sides[0],
        holdout=sides[1],
        first_key=window.drops[0].key,
        drops=window.drops[-MOST_DROPS:],
        drops_count=len(window.drops),
        left_out=window.left_out[-MOST_LEFT_OUT:],
        left_out_count=len(window.left_out),
        notes=notes,
    )


def _fetched(workspace: Workspace, dataset: str, drops: Sequence[WindowDrop], folder: Path) -> Iterator[DatasetFile]:
    """Each drop's file in turn, there until the next is asked for."""
    for drop in drops:
        with TemporaryDirectory(dir=folder) as place:
            yield workspace.download_dataset(dataset, drop.version, Path(place))


def _planned(version: DatasetVersion) -> PlannedDataset:
    return PlannedDataset(
        name=version.name, version=version.version, rows=version.rows, fingerprint=version.fingerprint
    )
