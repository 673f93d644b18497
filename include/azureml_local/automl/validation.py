"""Which rows a trial learns from and which it is scored on; the same for every trial of a run.

The metrics of a cross-validation are pooled: computed once, over the out-of-fold predictions of all rows. Azure
computes them per fold and averages those, which differs a little for all that are not means over rows, as AUC is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from azureml_workspace.records import AutoMLSettings

DEFAULT_FOLDS = 5
HOLDOUT_SHARE = 0.2
CELLS_PER_CORE_SECOND = 12_500
"""Matrix cells per core and second of the time limit up to which the default is cross-validation.

It leaves room for the portfolio and as much search again: 75,000 rows of 20 features in a minute on two cores.
"""

HOLDOUT_PARTS = 2

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ValidationPlan:
    """`fold_of_row` is the fold that validates each row, -1 for a row that is only learned from.

    `changed` says why it is not what the settings ask for, empty when it is.
    """

    fold_of_row: npt.NDArray[np.int16]
    description: str
    changed: str = ""

    @property
    def folds(self) -> int:
        """How many models a trial fits."""
        return int(self.fold_of_row.max()) + 1

    @property
    def validated_rows(self) -> Rows:
        """Rows with out-of-fold predictions, ascending; predictions of a trial are in this order."""
        return np.flatnonzero(self.fold_of_row >= 0)

    def weighting_parts(self, codes: npt.NDArray[np.int64], seed: int) -> Rows:
        """The part of each validated row when an ensemble's weights are cross-fitted: its fold, or a half of a holdout.

        `codes` are the classes of the validated rows.
        """
        if self.folds > 1:
            return self.fold_of_row[self.validated_rows].astype(np.int64)
        return stratified_parts(codes, HOLDOUT_PARTS, seed)

    def split(self, fold: int) -> tuple[Rows, Rows]:
        """Rows to learn from and rows to score, of one fold."""
        return np.flatnonzero(self.fold_of_row != fold), np.flatnonzero(self.fold_of_row == fold)


def plan_validation(
    codes: npt.NDArray[np.int64], features: int, settings: AutoMLSettings, cores: int
) -> ValidationPlan:
    """The plan the settings ask for, or by default:

    5-fold stratified cross-validation while rows x features is at most 12,500 per core and second of the time limit,
    else one stratified holdout of 20 %. Folds are never more than the smallest class has rows; a holdout that would
    leave a class without a validation row becomes a cross-validation. `changed` tells of both.
    """
    rows = len(codes)
    smallest = int(np.bincount(codes).min())
    holdout = settings.validation_size
    if holdout is None and settings.n_cross_validations is None:
        affordable = CELLS_PER_CORE_SECOND * cores * settings.experiment_timeout_minutes * 60
        holdout = None if rows * features <= affordable else HOLDOUT_SHARE
    if holdout is not None and smallest * min(holdout, 1 - holdout) >= 1:
        return _holdout(codes, holdout, settings.seed)
    wanted = settings.n_cross_validations or DEFAULT_FOLDS
    folds = min(wanted, smallest)
    changed = ""
    if holdout is not None:
        changed = f"a {holdout:.0%} holdout was wanted, but the smallest class has {smallest} rows"
    elif folds < wanted:
        changed = f"{wanted} folds wanted, but the smallest class has {smallest} rows"
    return _cross_validation(codes, folds, settings.seed, changed)


def stratified_parts(codes: npt.NDArray[np.int64], parts: int, seed: int) -> Rows:
    """The random part of each row, from 0; each part has as many rows of a class as the others, or one less or more."""
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    part_of_row = np.empty(len(codes), dtype=np.int64)
    part_of_row[by_class] = np.arange(len(codes)) % parts
    return part_of_row


def _cross_validation(codes: npt.NDArray[np.int64], folds: int, seed: int, changed: str) -> ValidationPlan:
    fold_of_row = np.empty(len(codes), dtype=np.int16)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, validated) in enumerate(splitter.split(np.zeros(len(codes)), codes)):
        fold_of_row[validated] = fold
    text = f"{folds}-fold cross-validation, out of fold, {len(codes):,} rows"
    return ValidationPlan(fold_of_row, f"{text} ({changed})" if changed else text, changed)


def _holdout(codes: npt.NDArray[np.int64], share: float, seed: int) -> ValidationPlan:
    splitter = StratifiedShuffleSplit(1, test_size=share, random_state=seed)
    _, validated = next(splitter.split(np.zeros(len(codes)), codes))
    fold_of_row = np.full(len(codes), -1, dtype=np.int16)
    fold_of_row[validated] = 0
    return ValidationPlan(fold_of_row, f"stratified {share:.0%} holdout, {len(validated):,} of {len(codes):,} rows")
