"""Columns that say suspiciously much about the label, as one does that is only known after the outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lightgbm import LGBMClassifier
from sklearn.feature_selection import f_classif
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from azureml_local.automl.prepare import PreparedData
from azureml_workspace.metrics.classification import binary_auc

MAX_ROWS = 10_000
MAX_COLUMNS = 200
MAX_ABLATIONS = 5
MIN_ROWS = 200
MIN_CLASS_ROWS = 10

GIVES_AWAY = 0.95
"""AUC of one column alone from which on it is a suspect whatever the other columns say."""

WORTH_A_LOOK = 0.70
WORTH_LOSING = 0.05
"""A column with an AUC of 0.70 alone is a suspect when the model loses this much AUC without it.

The second condition tells a leak from a good feature: what is known beforehand is nearly always told by several columns
(in the Bank Marketing data `euribor3m` is strong alone, and the model does not miss it), what comes from the
outcome by one only (`duration`).
"""


@dataclass(frozen=True)
class ColumnSignal:
    """How well one raw column predicts the label: `auc` of a small tree on it alone (weighted over the classes).

    `auc_all` and `auc_without` are of a quick model with and without it, None when that was not tried.
    """

    column: str
    auc: float
    auc_all: float | None = None
    auc_without: float | None = None

    @property
    def suspect(self) -> bool:
        """Whether it looks like a leak."""
        if self.auc >= GIVES_AWAY:
            return True
        return (
            self.auc_all is not None
            and self.auc_without is not None
            and self.auc_all - self.auc_without >= WORTH_LOSING
        )


def column_signals(data: PreparedData, seed: int) -> list[ColumnSignal]:
    """The signal of each used column, strongest first, on about 10,000 rows at most.

    Of more than 200 columns only the 200 with the largest F statistic are looked at. Classes of fewer than ten rows in
    the sample are left out, unless fewer than two classes would remain.
    """
    rows = _sample(data.codes, seed)
    # Positions among the classes that are left.
    codes = np.unique(data.codes[rows], return_inverse=True)[1].astype(np.int64)
    matrix = data.matrix[rows]
    places: dict[str, list[int]] = {}
    for position, feature in enumerate(data.spec.features):
        places.setdefault(feature.column, []).append(position)
    # One thread: on so few rows, threads that wait for each other on a busy machine cost far more than they bring.
    with threadpool_limits(1):
        signals = [
            ColumnSignal(column, _single_column_auc(matrix[:, places[column]], codes, seed))
            for column in _strongest(places, matrix, codes)
        ]
        signals.sort(key=lambda signal: -signal.auc)
        if len(rows) < MIN_ROWS or len(places) < 2:
            return signals
        looked_at = [s for s in signals[:MAX_ABLATIONS] if s.auc >= WORTH_A_LOOK]
        if not looked_at:
            return signals
        everything = _quick_auc(matrix, codes, seed)
        tried = [
            ColumnSignal(
                signal.column,
                signal.auc,
                everything,
                _quick_auc(np.delete(matrix, places[signal.column], axis=1), codes, seed),
            )
            for signal in looked_at
        ]
    return tried + signals[len(tried) :]


def _sample(codes: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """Ascending rows: the same share of each class, but at least two, so that it can be split in halves."""
    share = min(1.0, MAX_ROWS / len(codes))
    counts = np.bincount(codes)
    wanted = np.minimum(counts, np.maximum(2, np.rint(counts * share).astype(np.int64)))
    if (wanted >= MIN_CLASS_ROWS).sum() >= 2:
        # The quick model's boosting runs away on a class of a few rows and says nothing about the others any more.
        wanted[wanted < MIN_CLASS_ROWS] = 0
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    place_in_class = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[place_in_class < np.repeat(wanted, counts)])


def _strongest(
    places: dict[str, list[int]], matrix: npt.NDArray[np.float32], codes: npt.NDArray[np.int64]
) -> list[str]:
    if len(places) <= MAX_COLUMNS:
        return list(places)
    with np.errstate(all="ignore"):
        statistic = np.nan_to_num(np.asarray(f_classif(matrix.astype(np.float64), codes)[0]))
    return sorted(places, key=lambda column: -max(statistic[places[column]]))[:MAX_COLUMNS]


def _single_column_auc(values: npt.NDArray[np.float32], codes: npt.NDArray[np.int64], seed: int) -> float:
    probabilities = np.zeros((len(codes), int(codes.max()) + 1))
    for learned, scored in StratifiedKFold(2, shuffle=True, random_state=seed).split(values, codes):
        tree = DecisionTreeClassifier(
            max_leaf_nodes=16, min_samples_leaf=max(5, len(learned) // 200), random_state=seed
        ).fit(values[learned], codes[learned])
        probabilities[scored] = tree.predict_proba(values[scored])
    return weighted_auc(codes, probabilities)


def _quick_auc(matrix: npt.NDArray[np.float32], codes: npt.NDArray[np.int64], seed: int) -> float:
    learned, scored = next(StratifiedKFold(2, shuffle=True, random_state=seed).split(matrix, codes))
    # One tree per class and round: fewer rounds with many classes keep the guard to a few seconds.
    rounds = max(8, 120 // (int(codes.max()) + 1))
    model = LGBMClassifier(n_estimators=rounds, min_child_samples=10, random_state=seed, n_jobs=1, verbose=-1)
    model.fit(matrix[learned], codes[learned])
    return weighted_auc(codes[scored], np.asarray(model.predict_proba(matrix[scored])))


def weighted_auc(codes: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """One-against-rest AUC, averaged over the classes by their rows."""
    classes = np.unique(codes)
    areas = [binary_auc(codes == position, probabilities[:, position]) for position in classes]
    return float(np.average(areas, weights=[(codes == position).sum() for position in classes]))
