"""Which child is the best one: the voting ensemble, or a single trial that does better than it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from azureml_local.automl.catalog import VOTING_ENSEMBLE
from azureml_local.automl.ensemble import cross_fit, select_ensemble
from azureml_local.automl.search import MIN_GAIN, Trial
from azureml_workspace.metrics.classification import classification_metrics


@dataclass(frozen=True)
class BestChild:
    """A child run as members with weights that add up to 1, and its probabilities and metrics on the validated rows.

    Those of an ensemble are cross-fitted: each row's come from weights that were chosen without it. The weights of the
    members are chosen on all validated rows.
    """

    iteration: int
    algorithm: str
    members: tuple[tuple[Trial, float], ...]
    metrics: dict[str, float]
    probabilities: npt.NDArray[np.float64] = field(repr=False)

    def described(self) -> dict[str, str]:
        """Each member's weight, as parameters of the child run."""
        return {
            f"{trial.candidate.algorithm} (child {trial.iteration})": f"{weight:.2f}" for trial, weight in self.members
        }


def best_single(trials: Sequence[Trial]) -> BestChild:
    """The trial with the best score; one must have completed."""
    best = max((t for t in trials if t.probabilities is not None), key=lambda trial: trial.score or 0.0)
    probabilities = np.asarray(best.probabilities, dtype=np.float64)
    return BestChild(best.iteration, best.candidate.algorithm, ((best, 1.0),), best.metrics, probabilities)


def voting_ensemble(
    trials: Sequence[Trial],
    codes: npt.NDArray[np.int64],
    parts: npt.NDArray[np.int64],
    iteration: int,
    class_weights: npt.NDArray[np.float64] | None = None,
) -> BestChild | None:
    """The greedy ensemble of the completed trials, as child `iteration`; None when it is one trial only.

    `codes` and `parts` are of the validated rows; see `cross_fit` for the parts, `select_ensemble` for the weights.
    """
    completed = [trial for trial in trials if trial.probabilities is not None]
    predictions = [trial.probabilities for trial in completed if trial.probabilities is not None]
    chosen = select_ensemble(predictions, codes, class_weights=class_weights)
    if len(chosen.members) < 2:
        return None
    probabilities = cross_fit(predictions, codes, parts, class_weights=class_weights)
    return BestChild(
        iteration=iteration,
        algorithm=VOTING_ENSEMBLE,
        members=tuple((completed[position], weight) for position, weight in chosen.members),
        metrics=classification_metrics(codes, probabilities),
        probabilities=probabilities,
    )


def better(ensemble: BestChild, single: BestChild, primary_metric: str) -> BestChild:
    """The one with the better primary metric; where that differs by luck of the folds only, the smaller log loss.

    On easy data many trials reach nearly the same AUC, and the best of them may have far worse probabilities.
    """
    gain = ensemble.metrics[primary_metric] - single.metrics[primary_metric]
    if abs(gain) < MIN_GAIN:
        gain = single.metrics["log_loss"] - ensemble.metrics["log_loss"]
    return ensemble if gain >= 0 else single
