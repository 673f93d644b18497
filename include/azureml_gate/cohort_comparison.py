"""Both models in every cohort, and in which of them the challenger is worse for certain.

Of many small cohorts some look much worse by chance alone. So each difference gets an interval that holds for all
cohorts together: as many standard errors wide as the largest deviation of any cohort, in units of its standard error,
among the bootstrap resamples (the single-step max-t of Westfall and Young, Resampling-Based Multiple Testing, 1993, and
of Romano and Wolf, Econometrica 73, 2005). The same resamples of the whole holdout serve all cohorts, so cohorts that
share rows do not count twice. When the models are alike in all cohorts, the chance that any of them is called worse is
at most 1 - confidence, however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from azureml_gate.bootstrap import Floats, resamples
from azureml_gate.cohorts import Cohort
from azureml_gate.figures import CohortFigures
from azureml_workspace.metrics.classification import Codes, Probabilities
from azureml_workspace.metrics.resampled import resampled_metric

MIN_CLASS_ROWS = 5
"""Of two classes at least, for the primary metric of a cohort to mean something; accuracy needs no such thing."""

_SMALLEST_ERROR = 1e-12
"""A standard error below it is rounding: the models say the same in that cohort."""


def compare_cohorts(
    cohorts: Sequence[Cohort],
    metric: str,
    codes: Codes,
    challenger: Probabilities,
    champion: Probabilities,
    *,
    tolerance: float,
    confidence: float,
    samples: int,
    seed: int,
) -> tuple[CohortFigures, ...]:
    """The figures of every cohort, the worst difference for the challenger first, those that count before all.

    `codes` [rows] and the probabilities [rows, classes] are of the rows that the cohorts name.
    """
    if not cohorts:
        return ()
    metrics = [metric if _has_classes(codes[cohort.rows]) else "accuracy" for cohort in cohorts]
    sides = (challenger, champion)
    once = np.ones((1, len(codes)))
    observed = [_of_cohort(*pair, codes, sides, once)[:, 0] for pair in zip(cohorts, metrics, strict=True)]
    drawn: list[list[Floats]] = [[] for _ in cohorts]
    for multiplicities in resamples(codes, samples, seed):
        for place, pair in enumerate(zip(cohorts, metrics, strict=True)):
            new, old = _of_cohort(*pair, codes, sides, multiplicities)
            drawn[place].append(new - old)
    differences = np.array([new - old for new, old in observed])
    errors, reach = _simultaneous(np.stack([np.concatenate(parts) for parts in drawn]), differences, confidence)
    figures = [
        CohortFigures(
            column=cohort.column,
            cohort=cohort.name,
            rows=len(cohort.rows),
            metric=name,
            challenger=float(new),
            champion=float(old),
            difference=float(difference),
            low=float(difference - reach * error),
            high=float(difference + reach * error),
            is_worse=bool(difference < -tolerance and difference + reach * error < 0),
        )
        for cohort, name, (new, old), difference, error in zip(
            cohorts, metrics, observed, differences, errors, strict=True
        )
    ]
    return tuple(sorted(figures, key=lambda figure: (not figure.is_worse, figure.difference)))


def _has_classes(codes: Codes) -> bool:
    """Whether every class that is there has rows enough, and there are two of them."""
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    return len(counts) >= 2 and bool((counts >= MIN_CLASS_ROWS).all())


def _of_cohort(
    cohort: Cohort, metric: str, codes: Codes, sides: Sequence[Probabilities], multiplicities: Floats
) -> Floats:
    """The metric of both models, shape [2, resamples]."""
    inside = multiplicities[:, cohort.rows]
    return np.stack([resampled_metric(metric, codes[cohort.rows], side[cohort.rows], inside) for side in sides])


def _simultaneous(drawn: Floats, observed: Floats, confidence: float) -> tuple[Floats, float]:
    """The standard error of each cohort's difference, and how many of them the common interval reaches to each side.

    `drawn` [cohorts, resamples] has NaN where a resample left a cohort without a class.
    """
    # A cohort is there in nearly every resample: the chance to miss five rows of a class is below 1 %.
    errors: Floats = np.nanstd(drawn, axis=1, ddof=1)
    moved = errors > _SMALLEST_ERROR
    if not moved.any():
        return errors, 0.0
    deviations = np.nan_to_num(np.abs(drawn[moved] - observed[moved, None]) / errors[moved, None])
    return errors, float(np.quantile(deviations.max(axis=0), confidence))
