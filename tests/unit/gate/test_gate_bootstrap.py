"""The paired, stratified bootstrap against closed forms, and how often its interval is right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from azureml_gate.bootstrap import compare, paired_differences, resamples
from azureml_workspace.metrics.classification import classification_metrics

pytestmark = pytest.mark.unit

Floats = npt.NDArray[np.float64]


def scored(codes: npt.NDArray[np.int64], rng: np.random.Generator, *, skill: float) -> Floats:
    """Probabilities of two classes that say something of the codes."""
    odds = 1 / (1 + np.exp(-(skill * (2 * codes - 1) + rng.normal(0, 1, len(codes)))))
    return np.column_stack([1 - odds, odds])


def test_a_resample_has_as_many_rows_of_each_class_as_there_are() -> None:
    codes = np.array([0] * 7 + [1] * 3 + [2])
    drawn = np.concatenate(list(resamples(codes, 50, seed=1)))
    assert drawn.shape == (50, 11)
    assert (drawn[:, :7].sum(axis=1) == 7).all()
    assert (drawn[:, 7:10].sum(axis=1) == 3).all()
    assert (drawn[:, 10] == 1).all()
    assert len({tuple(row) for row in drawn.tolist()}) > 40


def test_the_same_seed_gives_the_same_resamples_and_another_seed_others() -> None:
    codes = np.array([0, 1] * 20)
    first, again, other = (np.concatenate(list(resamples(codes, 10, seed))) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_many_rows_come_in_several_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azureml_gate.bootstrap._CELLS_AT_ONCE", 100)
    parts = list(resamples(np.array([0, 1] * 20), 7, seed=1))
    assert [len(part) for part in parts] == [2, 2, 2, 1]


def test_the_spread_of_a_difference_of_accuracies_is_that_of_its_closed_form() -> None:
    rng = np.random.default_rng(5)
    codes = (rng.random(400) < 0.3).astype(np.int64)
    new, old = scored(codes, rng, skill=1.0), scored(codes, rng, skill=0.6)
    gained = (new.argmax(axis=1) == codes).astype(float) - (old.argmax(axis=1) == codes)
    # Var of a stratified mean: the sum over the strata of their squared share times their variance, by their rows.
    variance = sum((np.mean(codes == k) ** 2) * gained[codes == k].var() / np.sum(codes == k) for k in (0, 1))
    found = paired_differences("accuracy", codes, new, old, samples=4000, seed=3)
    assert found.mean() == pytest.approx(gained.mean(), abs=0.002)
    assert found.std() == pytest.approx(np.sqrt(variance), rel=0.05)


def test_the_spread_of_a_difference_of_aucs_is_that_of_delong() -> None:
    rng = np.random.default_rng(6)
    codes = (rng.random(500) < 0.4).astype(np.int64)
    new, old = scored(codes, rng, skill=0.9), scored(codes, rng, skill=0.7)

    def placements(probabilities: Floats) -> tuple[Floats, Floats]:
        hits, misses = probabilities[codes == 1, 1], probabilities[codes == 0, 1]
        above = (hits[:, None] > misses[None, :]).astype(float)
        return above.mean(axis=1), above.mean(axis=0)

    # DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988.
    of_hits, of_misses = (a - b for a, b in zip(placements(new), placements(old), strict=True))
    variance = of_hits.var() / len(of_hits) + of_misses.var() / len(of_misses)
    found = paired_differences("AUC_weighted", codes, new, old, samples=3000, seed=3)
    assert found.std() == pytest.approx(np.sqrt(variance), rel=0.06)


def test_a_comparison_has_the_metrics_of_the_rows_and_an_interval_around_their_difference() -> None:
    rng = np.random.default_rng(7)
    codes = rng.integers(0, 3, 300)
    new = rng.dirichlet(np.ones(3), 300) + 0.8 * (codes[:, None] == np.arange(3))
    old = rng.dirichlet(np.ones(3), 300)
    found = compare("norm_macro_recall", codes, new, old, confidence=0.9, samples=500, seed=1)
    assert found.challenger == pytest.approx(classification_metrics(codes, new)["norm_macro_recall"])
    assert found.champion == pytest.approx(classification_metrics(codes, old)["norm_macro_recall"])
    assert found.difference == pytest.approx(found.challenger - found.champion)
    assert 0 < found.low < found.difference < found.high
    assert (found.confidence, found.samples) == (0.9, 500)


def test_the_same_predictions_differ_by_exactly_nothing() -> None:
    rng = np.random.default_rng(8)
    codes = rng.integers(0, 2, 80)
    same = scored(codes, rng, skill=0.5)
    found = compare("AUC_weighted", codes, same, same.copy(), confidence=0.95, samples=200, seed=1)
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for trial in range(200):
        rng = np.random.default_rng(100 + trial)
        codes = np.repeat([0, 1], 60)
        # Both are right in four rows of five, so the true difference is 0.
        new, old = (np.eye(2)[np.where(rng.random(120) < 0.8, codes, 1 - codes)] for _ in range(2))
        found = compare("accuracy", codes, new, old, confidence=0.9, samples=200, seed=trial)
        held += found.low <= 0 <= found.high
    assert 0.84 <= held / 200 <= 0.96
