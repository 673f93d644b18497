"""Which child is the best one: the voting ensemble, or a single trial that does better than it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from azureml_local.automl.catalog import VOTING_ENSEMBLE
from azureml_local.automl.ensemble import combine, select_ensemble
from azureml_local.automl.learners import Candidate
from azureml_local.automl.metrics import classification_metrics
from azureml_local.automl.search import Trial


@dataclass(frozen=True)
class BestChild:
    """A child run as members with weights that add up to 1, and its out-of-fold probabilities and metrics."""

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

    @property
    def candidates(self) -> list[Candidate]:
        """What has to be refitted, in the order of the members."""
        return [trial.candidate for trial, _ in self.members]

    def without(self, left_out: Collection[int], codes: npt.NDArray[np.int64]) -> BestChild:
        """The child without the members at these positions, measured again."""
        if not left_out:
            return self
        kept = [member for position, member in enumerate(self.members) if position not in left_out]
        share = sum(weight for _, weight in kept)
        return _measured(self, [(trial, weight / share) for trial, weight in kept], codes)


def best_single(trials: Sequence[Trial]) -> BestChild:
    """The trial with the best score; one must have completed."""
    best = max((t for t in trials if t.probabilities is not None), key=lambda trial: trial.score or 0.0)
    probabilities = np.asarray(best.probabilities, dtype=np.float64)
    return BestChild(best.iteration, best.candidate.algorithm, ((best, 1.0),), best.metrics, probabilities)


def voting_ensemble(trials: Sequence[Trial], codes: npt.NDArray[np.int64], primary_metric: str) -> BestChild | None:
    """The greedy ensemble of the completed trials as the child after the last trial; None when it is one trial only."""
    completed = [trial for trial in trials if trial.probabilities is not None]
    predictions = [trial.probabilities for trial in completed if trial.probabilities is not None]
    chosen = select_ensemble(predictions, codes, class_balanced=primary_metric == "norm_macro_recall")
    if len(chosen.members) < 2:
        return None
    members = [(completed[position], weight) for position, weight in chosen.members]
    following = max(trial.iteration for trial in trials) + 1
    empty = BestChild(following, VOTING_ENSEMBLE, (), {}, np.zeros((0, 0)))
    return _measured(empty, members, codes)


def _measured(child: BestChild, members: Sequence[tuple[Trial, float]], codes: npt.NDArray[np.int64]) -> BestChild:
    predictions = [trial.probabilities for trial, _ in members if trial.probabilities is not None]
    probabilities = combine(predictions, [(position, weight) for position, (_, weight) in enumerate(members)])
    metrics = classification_metrics(codes, probabilities)
    return replace(child, members=tuple(members), metrics=metrics, probabilities=probabilities)
