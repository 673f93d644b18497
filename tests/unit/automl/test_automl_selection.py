"""Which child is the best one."""

from __future__ import annotations

import numpy as np
import pytest

from azureml_local.automl.ensemble import cross_fit
from azureml_local.automl.learners import Candidate
from azureml_local.automl.search import Trial
from azureml_local.automl.selection import BestChild, best_single, better, voting_ensemble
from azureml_workspace.metrics.classification import classification_metrics
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

CODES = np.arange(200) % 2
PARTS = np.arange(200) // 2 % 5


def _trials(count: int, seed: int) -> list[Trial]:
    """Trials whose probabilities say nothing about the label."""
    rng = np.random.default_rng(seed)
    trials = []
    for iteration in range(count):
        second = rng.uniform(0.3, 0.7, len(CODES)).astype(np.float32)
        probabilities = np.column_stack([1 - second, second])
        metrics = classification_metrics(CODES, probabilities)
        trials.append(
            Trial(
                iteration, Candidate("LightGBM", {}), RunStatus.COMPLETED, 1.0,
                score=metrics["AUC_weighted"], metrics=metrics, probabilities=probabilities,
            )
        )  # fmt: skip
    return trials


def test_the_ensembles_metrics_are_the_cross_fitted_ones() -> None:
    trials = _trials(30, seed=0)
    ensemble = voting_ensemble(trials, CODES, PARTS, 30)
    assert ensemble is not None
    expected = cross_fit([t.probabilities for t in trials if t.probabilities is not None], CODES, PARTS)
    assert (ensemble.probabilities == expected).all()
    assert ensemble.metrics == classification_metrics(CODES, expected)
    # Chosen and scored on the same rows, luck alone would beat the coin: see the ensemble's tests.
    assert ensemble.metrics["log_loss"] > np.log(2)
    assert ensemble.iteration == 30
    assert sum(weight for _, weight in ensemble.members) == pytest.approx(1.0)


def test_a_single_trial_is_no_ensemble() -> None:
    trials = _trials(1, seed=0)
    assert voting_ensemble(trials, CODES, PARTS, 1) is None
    assert best_single(trials).metrics == trials[0].metrics


@pytest.mark.parametrize(
    ("ensemble_auc", "ensemble_loss", "wins"),
    [
        (0.95, 0.3, True),  # better by more than luck, whatever the log loss
        (0.93, 0.1, False),
        (0.93995, 0.1, True),  # a tie: the better probabilities decide
        (0.94005, 0.3, False),
    ],
)
def test_the_log_loss_decides_between_equals(ensemble_auc: float, ensemble_loss: float, wins: bool) -> None:
    ensemble = BestChild(
        1, "VotingEnsemble", (), {"AUC_weighted": ensemble_auc, "log_loss": ensemble_loss}, np.empty(0)
    )
    single = BestChild(0, "LightGBM", (), {"AUC_weighted": 0.94, "log_loss": 0.2}, np.empty(0))
    assert better(ensemble, single, "AUC_weighted") is (ensemble if wins else single)
