"""The data sets: Bank Marketing, and three that ship with scikit-learn, on which the recipe was never tuned."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import datasets as sklearn_datasets
from sklearn.model_selection import StratifiedKFold

from azureml_workspace.data.ingestion import DATA_FILE, ingest
from azureml_workspace.records import ColumnSchema
from benchmarks.common.places import WORK, bank_marketing_csv

SHIPPED = ("breast_cancer", "wine", "digits")
NAMES = ("bank", *SHIPPED)


@dataclass(frozen=True)
class Dataset:
    """Typed rows. `codes` are positions in `classes`; `fingerprint` is of the CSV they came from."""

    name: str
    label: str
    columns: tuple[ColumnSchema, ...]
    frame: pd.DataFrame = field(repr=False)
    codes: npt.NDArray[np.int64] = field(repr=False)
    classes: tuple[Any, ...]
    fingerprint: str

    def folds(self, count: int, seed: int) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Stratified (train, test) row positions."""
        splitter = StratifiedKFold(n_splits=count, shuffle=True, random_state=seed)
        return list(splitter.split(self.frame, self.codes))


def load_dataset(name: str, csv: str | None = None) -> Dataset:
    """A data set by name, typed by the same reader that the product uses. `csv` is the path of `bank`."""
    folder = WORK / "model" / "data" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if name == "bank":
        source, label = bank_marketing_csv(csv), "y"
    else:
        source, label = folder / "source.csv", "target"
        bunch = getattr(sklearn_datasets, f"load_{name}")(as_frame=True)
        bunch.frame.to_csv(source, index=False)
    ingested = ingest(source, folder)
    frame = pd.read_parquet(folder / DATA_FILE)
    classes, codes = np.unique(frame[label].to_numpy(), return_inverse=True)
    return Dataset(
        name=name,
        label=label,
        columns=ingested.columns,
        frame=frame,
        codes=codes.astype(np.int64),
        classes=tuple(classes.tolist()),
        fingerprint=hashlib.sha256(source.read_bytes()).hexdigest(),
    )
