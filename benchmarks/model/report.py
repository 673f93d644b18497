"""The tables of the model benchmark, and what was promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol as Shape

from benchmarks.common.section import Goal, table
from benchmarks.common.spread import Spread
from benchmarks.model.datasets import Dataset
from benchmarks.model.engines import FoldOutcome
from benchmarks.model.scores import SCORES, Predictions, paired_difference

AUC_GOAL, ACCURACY_GOAL, SECONDS_GOAL = 0.9505, 0.9165, 60.0

Outcomes = Mapping[str, Sequence[FoldOutcome]]
Said = Mapping[str, Sequence[Predictions]]


class Measuring(Shape):
    """How it was measured."""

    @property
    def folds(self) -> int: ...

    @property
    def budget_seconds(self) -> float: ...


def goals(outcomes: Outcomes, predictions: Said, folds: int) -> tuple[Goal, ...]:
    """The promised figures, on the Bank Marketing data."""
    if "ours" not in outcomes:
        return ()
    done = len(outcomes["ours"])
    found: list[Goal] = []
    for name, least in (("AUC_weighted", AUC_GOAL), ("accuracy", ACCURACY_GOAL)):
        mean = _mean(predictions["ours"], name)
        found.append(
            Goal(
                name=_nested(name, done, folds),
                limit=f"at least {least}",
                observed=f"{mean:.4f}",
                passed=mean >= least,
            )
        )
    slowest = max(outcome.fit_seconds for outcome in outcomes["ours"])
    found.append(
        Goal(
            name="Slowest fit, wall time of the whole process",
            limit=f"at most {SECONDS_GOAL:g} s",
            observed=f"{slowest:.1f} s",
            passed=slowest <= SECONDS_GOAL,
        )
    )
    for peer in (name for name in outcomes if name != "ours"):
        difference = paired_difference(predictions["ours"], predictions[peer], SCORES["AUC_weighted"])
        found.append(
            Goal(
                name=f"AUC_weighted, ours minus {peer}",
                limit="not worse (the interval reaches 0 or is above)",
                observed=difference.show(),
                passed=difference.high >= 0,
            )
        )
    mismatches = sum(outcome.mismatches or 0 for outcome in outcomes["ours"])
    compared = sum(outcome.compared for outcome in outcomes["ours"])
    found.append(
        Goal(
            name="Labels of the ONNX graph equal Python's",
            limit="on every row",
            observed=f"{mismatches} of {compared:,} differ",
            passed=mismatches == 0 and compared > 0,
        )
    )
    return tuple(found)


def dataset_block(dataset: Dataset, how: Measuring, outcomes: Outcomes, predictions: Said) -> str:
    """Everything about one data set."""
    done = len(next(iter(outcomes.values())))
    folds = f"all {how.folds} folds" if done == how.folds else f"the first {done} of {how.folds} folds"
    title = (
        f"### {dataset.name}: {len(dataset.frame):,} rows, {len(dataset.columns) - 1} columns, "
        f"{len(dataset.classes)} classes; {folds}, {how.budget_seconds:g} s per fit"
    )
    rows = []
    for engine, found in outcomes.items():
        scores = [f"{_mean(predictions[engine], name):.4f}" for name in SCORES]
        seconds = Spread.of(outcome.fit_seconds for outcome in found).show(".1f")
        latency = Spread.of(outcome.predict_ms for outcome in found).show(".3g")
        graph = "-" if found[0].mismatches is None else str(sum(outcome.mismatches or 0 for outcome in found))
        rows.append((engine, *scores, seconds, latency, graph))
    head = ("Engine", *SCORES, "fit s", "2 rows from JSON, ms", "ONNX labels that differ")
    parts = [title, table(head, rows)]
    peers = [name for name in outcomes if name != "ours"]
    if "ours" in outcomes and peers:
        ours = predictions["ours"]
        differences = [
            (peer, *(paired_difference(ours, predictions[peer], score).show() for score in SCORES.values()))
            for peer in peers
        ]
        parts.append(
            "Ours minus the peer, paired by fold and row, 95 % bootstrap interval (log loss: negative is better):\n\n"
            + table(("Peer", *SCORES), differences)
        )
    parts.append("Per fold: " + _per_fold(outcomes, predictions))
    return "\n\n".join(parts)


def _per_fold(outcomes: Outcomes, predictions: Said) -> str:
    parts = []
    for engine, found in outcomes.items():
        areas = ", ".join(f"{SCORES['AUC_weighted'](fold):.4f}" for fold in predictions[engine])
        parts.append(f"{engine} AUC {areas} ({found[0].detail})")
    return "; ".join(parts) + "."


def _mean(folds: Sequence[Predictions], name: str) -> float:
    return sum(SCORES[name](fold) for fold in folds) / len(folds)


def _nested(name: str, done: int, folds: int) -> str:
    return f"Nested {folds}-fold {name}" if done == folds else f"{name}, {done} of {folds} folds only"
