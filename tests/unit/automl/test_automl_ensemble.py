"""Greedy ensemble selection."""

from __future__ import annotations

import numpy as np
import pytest

from azureml_local.automl.ensemble import combine, cross_fit, select_ensemble
from azureml_workspace.metrics.classification import log_loss

pytestmark = pytest.mark.unit


def _probabilities(of_second_class: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    second = np.array(of_second_class, dtype=np.float32)
    return np.column_stack([1 - second, second])


def test_the_better_one_wins_alone() -> None:
    codes = np.array([0, 1, 0, 1])
    good, bad = _probabilities([0.1, 0.9, 0.1, 0.9]), _probabilities([0.6, 0.4, 0.6, 0.4])
    assert select_ensemble([bad, good], codes).members == ((1, 1.0),)


def test_complementary_ones_share_the_vote_and_lower_the_loss() -> None:
    codes = np.array([1, 1, 0, 0])
    left, right = _probabilities([0.9, 0.5, 0.1, 0.5]), _probabilities([0.5, 0.9, 0.5, 0.1])
    chosen = select_ensemble([left, right], codes, picks=10)
    assert dict(chosen.members) == {0: 0.5, 1: 0.5}
    assert chosen.loss == pytest.approx(-np.log(0.7), rel=1e-5)
    assert chosen.loss < select_ensemble([left], codes).loss


def test_the_loss_is_that_of_the_combination() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 200)
    candidates = []
    for _ in range(6):
        odds = rng.random((200, 3)) + 0.8 * (codes[:, None] == np.arange(3))
        candidates.append((odds / odds.sum(axis=1, keepdims=True)).astype(np.float32))
    chosen = select_ensemble(candidates, codes)
    mixed = combine(candidates, chosen.members)
    assert sum(weight for _, weight in chosen.members) == pytest.approx(1.0)
    assert chosen.loss == pytest.approx(-np.log(mixed[np.arange(200), codes]).mean())
    assert mixed.sum(axis=1) == pytest.approx(np.ones(200), abs=1e-6)
    weights = [weight for _, weight in chosen.members]
    assert weights == sorted(weights, reverse=True)


def test_balanced_classes_change_the_choice() -> None:
    codes = np.array([0] * 9 + [1])
    for_many, for_few = _probabilities([0.1] * 9 + [0.2]), _probabilities([0.4] * 9 + [0.9])
    assert select_ensemble([for_many, for_few], codes, picks=1).members == ((0, 1.0),)
    assert select_ensemble([for_many, for_few], codes, picks=1, class_weights=1 / np.bincount(codes)).members == (
        (1, 1.0),
    )


def test_cross_fitted_weights_do_not_profit_from_the_rows_they_are_scored_on() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 100)
    # Nothing but luck: chosen and scored on the same rows, some mixture beats the coin's log loss.
    candidates = [_probabilities(rng.uniform(0.3, 0.7, 100).tolist()) for _ in range(30)]
    optimistic = select_ensemble(candidates, codes).loss
    honest = log_loss(codes, cross_fit(candidates, codes, np.arange(100) % 5))
    assert optimistic < np.log(2) < honest


def test_cross_fitting_scores_each_part_with_the_weights_of_the_others() -> None:
    codes = np.array([0, 1, 0, 1])
    first, second = _probabilities([0.1, 0.9, 0.4, 0.6]), _probabilities([0.6, 0.4, 0.2, 0.8])
    mixed = cross_fit([first, second], codes, np.array([0, 0, 1, 1]))
    assert mixed[:, 1] == pytest.approx([0.6, 0.4, 0.4, 0.6])
