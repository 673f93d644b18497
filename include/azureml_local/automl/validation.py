"""Which rows a trial learns from and which it is scored on; the same for every trial of a run."""

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

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ValidationPlan:
    """`fold_of_row` is the fold that validates each row, -1 for a row that is only learned from."""

    fold_of_row: npt.NDArray[np.int16]
    description: str

    @property
    def folds(self) -> int:
        """How many models a trial fits."""
        return int(self.fold_of_row.max()) + 1

    @property
    def validated_rows(self) -> Rows:
        """Rows with out-of-fold predictions, ascending; predictions of a trial are in this order."""
        return np.flatnonzero(self.fold_of_row >= 0)

    def split(self, fold: int) -> tuple[Rows, Rows]:
        """Rows to learn from and rows to score, of one fold."""
        return np.flatnonzero(self.fold_of_row != fold), np.flatnonzero(self.fold_of_row == fold)


def plan_validation(
    codes: npt.NDArray[np.int64], features: int, settings: AutoMLSettings, cores: int
) -> ValidationPlan:
    """The plan the settings ask for, or by default:

    5-fold stratified cross-validation while rows x features is at most 12,500 per core and second of the time limit,
    else one stratified holdout of 20 %. Folds are never more than the smallest class has rows; a holdout that would
    leave a class without a validation row becomes a cross-validation.
    """
    rows = len(codes)
    smallest = int(np.bincount(codes).min())
    holdout = settings.validation_size
    if holdout is None and settings.n_cross_validations is None:
        affordable = CELLS_PER_CORE_SECOND * cores * settings.experiment_timeout_minutes * 60
        holdout = None if rows * features <= affordable else HOLDOUT_SHARE
    if holdout is not None and smallest * min(holdout, 1 - holdout) >= 1:
        return _holdout(codes, holdout, settings.seed)
    folds = min(settings.n_cross_validations or DEFAULT_FOLDS, smallest)
    return _cross_validation(codes, folds, settings)


def _cross_validation(codes: npt.NDArray[np.int64], folds: int, settings: AutoMLSettings) -> ValidationPlan:
    fold_of_row = np.empty(len(codes), dtype=np.int16)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=settings.seed)
    for fold, (_, validated) in enumerate(splitter.split(np.zeros(len(codes)), codes)):
        fold_of_row[validated] = fold
    text = f"{folds}-fold cross-validation, out of fold, {len(codes):,} rows"
    wanted = settings.n_cross_validations or DEFAULT_FOLDS
    if folds < wanted:
        text += f" ({wanted} folds wanted, but the smallest class has {folds} rows)"
    return ValidationPlan(fold_of_row, text)


def _holdout(codes: npt.NDArray[np.int64], share: float, seed: int) -> ValidationPlan:
    splitter = StratifiedShuffleSplit(1, test_size=share, random_state=seed)
    _, validated = next(splitter.split(np.zeros(len(codes)), codes))
    fold_of_row = np.full(len(codes), -1, dtype=np.int16)
    fold_of_row[validated] = 0
    text = f"stratified {share:.0%} holdout, {len(validated):,} rows not learned from, of {len(codes):,}"
    return ValidationPlan(fold_of_row, text)
