"""The search: the portfolio first, then FLAML around its best members while that helps and time is left."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from azureml_local.automl.budget import Budget
from azureml_local.automl.learners import Candidate, FitOptions
from azureml_local.automl.trial import SharedData, TrialResult, evaluate
from azureml_local.automl.tuner import Tuner
from azureml_local.automl.workers import Outcome, WorkerPool
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.records import AutoMLSettings
from azureml_workspace.statuses import RunStatus

MIN_GAIN = 1e-4
"""A better score by less than this is luck of the folds, and does not keep the search going."""

TUNED_ALGORITHMS = 2
"""FLAML goes on from the best of so many algorithms in turn."""

MAX_KEPT = 60
"""So many trials, the best ones, keep their out-of-fold predictions for the ensemble."""

GRACE_SECONDS = 10.0
"""A search that the time limit would end without any model goes on for as long as this after it began."""

logger = logging.getLogger(__name__)


class SearchFailed(WorkspaceError):
    """No trial gave a model."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One child run that ended. `probabilities` are its out-of-fold ones, of a completed trial only."""

    iteration: int
    candidate: Candidate
    status: RunStatus
    seconds: float
    score: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""
    fit_seconds: float = 0.0
    probabilities: npt.NDArray[np.float32] | None = field(default=None, repr=False)


class Search:
    """Runs trials on the pool until a limit is reached: iterations, time, exit score, or no more gain.

    `reserve` says how many seconds the work after the search needs, given the trials so far.
    """

    def __init__(
        self,
        *,
        pool: WorkerPool,
        shared: SharedData,
        options: FitOptions,
        settings: AutoMLSettings,
        budget: Budget,
        reserve: Callable[[list[Trial]], float],
        on_trial: Callable[[Trial], None],
    ) -> None:
        self._pool = pool
        self._shared = shared
        self._options = options
        self._settings = settings
        self._budget = budget
        self._reserve = reserve
        self._on_trial = on_trial
        self._started: dict[int, tuple[Candidate, Tuner | None]] = {}
        self._trial_limits: dict[int, Budget] = {}
        self._since_gain = 0
        self._grace = Budget(GRACE_SECONDS)
        self.trials: list[Trial] = []

    @property
    def completed(self) -> list[Trial]:
        """Trials with a score."""
        return [trial for trial in self.trials if trial.score is not None]

    @property
    def best(self) -> Trial | None:
        """The trial with the best score."""
        return max(self.completed, key=lambda trial: trial.score or 0.0, default=None)

    def run(self, portfolio: list[Candidate]) -> str:
        """Run trials to the end of the search; returns why it ended, in words.

        :raises SearchFailed: no trial completed.
        """
        reason = self._run_queue(((candidate, None) for candidate in portfolio), patience=None)
        if reason is None and self.completed:
            patience = max(4, 2 * self._settings.max_concurrent_iterations)
            reason = self._run_queue(self._tuned(), patience if self._settings.enable_early_stopping else None)
        if not self.completed:
            raise SearchFailed(self._why_nothing())
        return reason or "nothing is left to try"

    def _why_nothing(self) -> str:
        failed = next((trial.error for trial in self.trials if trial.status is RunStatus.FAILED), None)
        if failed:
            return f"every trial failed; the first says: {failed}. See logs/job.log."
        minutes = self._settings.experiment_timeout_minutes
        return (
            f"no trial ended within experiment_timeout_minutes = {minutes:g}; give more time, or fewer rows or columns."
        )

    def _run_queue(self, queue: Iterator[tuple[Candidate, Tuner | None]], patience: int | None) -> str | None:
        """Why the whole search is over, or None when only the queue is."""
        reason: str | None = None
        ended = False
        self._since_gain = 0
        while True:
            while not ended and reason is None and self._pool.idle:
                reason = self._limit_reached(patience)
                step = None if reason else next(queue, None)
                if step is None:
                    ended = True
                else:
                    self._start(*step)
            if not self._pool.running:
                return reason
            outcomes = self._pool.wait(min(self._time_left(), self._least_trial_time_left()))
            for outcome in outcomes:
                self._finish(outcome)
            self._stop_overdue()
            if self._exit_score_reached():
                reason = f"the exit score {self._settings.experiment_exit_score:g} is reached"
                self._stop_running("the exit score was reached")
            elif not outcomes and self._time_left() <= 0:
                reason = "the time limit is reached"
                self._stop_running("the time limit was reached")

    def _time_left(self) -> float:
        left = self._budget.left
        if self.completed:
            return left - self._reserve(self.trials)
        # Without any model yet the search may use the time kept for the work after it, and a little more.
        return max(left, self._grace.left)

    def _least_trial_time_left(self) -> float:
        """Seconds until the first of the running trials has used up its own limit."""
        return min((limit.left for limit in self._trial_limits.values()), default=math.inf)

    def _stop_overdue(self) -> None:
        """A trial with a limit of its own is stopped at it: the search goes on without it."""
        for ticket in [ticket for ticket, limit in self._trial_limits.items() if limit.left <= 0]:
            limit = self._trial_limits[ticket].limit_seconds
            self._finish(replace(self._pool.stop(ticket), error=f"stopped: it took longer than its {limit:.0f} s"))

    def _limit_reached(self, patience: int | None) -> str | None:
        started = len(self._started) + len(self.trials)
        if self._settings.iterations is not None and started >= self._settings.iterations:
            return f"{self._settings.iterations} iterations are done"
        if self._time_left() <= 0:
            return "the time limit is reached"
        if patience is not None and self._since_gain + len(self._started) >= patience:
            return f"{patience} trials brought no gain of {MIN_GAIN:g}"
        return None

    def _exit_score_reached(self) -> bool:
        wanted, best = self._settings.experiment_exit_score, self.best
        return wanted is not None and best is not None and best.score is not None and best.score >= wanted

    def _tuned(self) -> Iterator[tuple[Candidate, Tuner | None]]:
        """FLAML's candidates, in turn from the tuners that still have some whose trial the time left allows."""
        tuners = self._make_tuners()
        while tuners:
            tuner = tuners.pop(0)
            if self._expected_seconds(tuner) >= self._time_left():
                logger.info("no more %s: a trial of it takes longer than there is time", tuner.algorithm)
                continue
            candidate = tuner.ask(self._next_iteration)
            if candidate is not None:
                tuners.append(tuner)
                yield candidate, tuner

    def _make_tuners(self) -> list[Tuner]:
        best: dict[str, Trial] = {}
        for trial in self.completed:
            if trial.candidate.task is not None:
                continue  # a custom pipeline is tried as it was given
            known = best.get(trial.candidate.algorithm)
            if known is None or (trial.score or 0.0) > (known.score or 0.0):
                best[trial.candidate.algorithm] = trial
        ranked = sorted(best.values(), key=lambda trial: -(trial.score or 0.0))[:TUNED_ALGORITHMS]
        return [Tuner(trial.candidate, trial.score or 0.0, self._settings.seed) for trial in ranked]

    def _expected_seconds(self, tuner: Tuner) -> float:
        return float(np.median([t.seconds for t in self.completed if t.candidate.algorithm == tuner.algorithm]))

    @property
    def _next_iteration(self) -> int:
        return len(self._started) + len(self.trials)

    def _start(self, candidate: Candidate, tuner: Tuner | None) -> None:
        iteration = self._next_iteration
        self._started[iteration] = (candidate, tuner)
        if candidate.limit_seconds is not None:
            self._trial_limits[iteration] = Budget(candidate.limit_seconds)
        self._pool.submit(iteration, evaluate, self._shared, candidate, self._options)

    def _finish(self, outcome: Outcome) -> None:
        candidate, tuner = self._started.pop(outcome.ticket)
        self._trial_limits.pop(outcome.ticket, None)
        result: TrialResult | None = outcome.value
        if result is None:
            trial = Trial(outcome.ticket, candidate, RunStatus.FAILED, outcome.seconds, error=outcome.error)
        else:
            trial = Trial(
                iteration=outcome.ticket,
                candidate=candidate,
                status=RunStatus.COMPLETED,
                seconds=outcome.seconds,
                score=result.metrics[self._settings.primary_metric],
                metrics=result.metrics,
                fit_seconds=result.fit_seconds,
                probabilities=result.probabilities,
            )
        if tuner is not None:
            tuner.tell(outcome.ticket, trial.score, trial.seconds)
        self._count_gain(trial)
        self._record(trial)

    def _count_gain(self, trial: Trial) -> None:
        best = self.best.score if self.best else None
        gained = trial.score is not None and (best is None or trial.score >= (best or 0.0) + MIN_GAIN)
        self._since_gain = 0 if gained else self._since_gain + 1

    def _forget_weak_predictions(self) -> None:
        """A day of trials on large data would fill the memory with predictions that no ensemble wants."""
        kept = [trial for trial in self.trials if trial.probabilities is not None]
        if len(kept) > MAX_KEPT:
            weakest = min(kept, key=lambda trial: trial.score or 0.0)
            self.trials[self.trials.index(weakest)] = replace(weakest, probabilities=None)

    def _stop_running(self, why: str) -> None:
        for outcome in self._pool.stop_running():
            candidate, _ = self._started.pop(outcome.ticket)
            self._trial_limits.pop(outcome.ticket, None)
            self._record(Trial(outcome.ticket, candidate, RunStatus.CANCELED, outcome.seconds, error=why))

    def _record(self, trial: Trial) -> None:
        self.trials.append(trial)
        self._forget_weak_predictions()
        score = f"{trial.score:.5f}" if trial.score is not None else f"{trial.status}: {trial.error}"
        logger.info(
            "trial %d  %-20s %s  %.1f s  %s",
            trial.iteration, trial.candidate.algorithm, score, trial.seconds, trial.candidate.described(),
        )  # fmt: skip
        self._on_trial(trial)
