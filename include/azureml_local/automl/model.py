"""The model of a run: what `model.pkl` holds. Loading it needs pandas and the libraries of its members, no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from azureml_local.features.frame import encode_frame
from azureml_local.features.spec import EncoderSpec
from azureml_workspace.records import ColumnKind


class VotingModel:
    """A weighted soft vote of fitted classifiers on the float32 matrix; with one member, that member alone.

    `predict` and `predict_proba` take a DataFrame of raw columns. Members answer for classes 0 to C-1, which are
    `classes`. `tie_step` favours the earlier of two classes whose probabilities differ by less: float32 and float64
    then agree on the label even where two classes are exactly as probable.
    """

    def __init__(
        self,
        *,
        spec: EncoderSpec,
        members: Sequence[tuple[Any, float]],
        classes: Sequence[str],
        label_kind: ColumnKind,
        tie_step: float,
    ) -> None:
        self.spec = spec
        self.members = tuple(members)
        self.classes = tuple(classes)
        self.label_kind = label_kind
        self.tie_step = tie_step

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[Any]:
        """Labels, of the type they had in the training data.

        :raises InvalidRequest: a column is missing or holds what it cannot.
        """
        return self.labels()[self.predict_codes(encode_frame(self.spec, frame))]

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Probabilities [rows, classes], columns in the order of `classes`. :raises InvalidRequest: as `predict`."""
        return self.probabilities(encode_frame(self.spec, frame))

    def labels(self) -> npt.NDArray[Any]:
        """The classes as values of the label's type."""
        if self.label_kind == "integer":
            return np.array([int(name) for name in self.classes])
        if self.label_kind == "number":
            return np.array([float(name) for name in self.classes])
        if self.label_kind == "boolean":
            return np.array([name == "true" for name in self.classes])
        return np.array(self.classes, dtype=object)

    def probabilities(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """As `predict_proba`, from the encoded matrix."""
        total: npt.NDArray[np.float64] = np.zeros((len(matrix), len(self.classes)))
        for member, weight in self.members:
            total += weight * np.asarray(member.predict_proba(matrix), dtype=np.float64)
        return total

    def predict_codes(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """Positions in `classes`, from the encoded matrix."""
        return decide(self.probabilities(matrix), self.tie_step)


def decide(probabilities: npt.NDArray[np.float64], tie_step: float) -> npt.NDArray[np.int64]:
    """The most probable class of each row of [rows, classes], the earlier of two that `tie_step` calls equal."""
    codes: npt.NDArray[np.int64] = np.argmax(probabilities + tie_break(probabilities.shape[1], tie_step), axis=1)
    return codes


def tie_break(classes: int, step: float) -> npt.NDArray[np.float64]:
    """What is added to the probabilities before the largest is taken: `step` more for each earlier class."""
    return step * np.arange(classes - 1, -1, -1, dtype=np.float64)
