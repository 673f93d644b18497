"""`python -m benchmarks model`."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmarks.common.machine import cores
from benchmarks.common.places import WORK
from benchmarks.common.section import Section
from benchmarks.model.cache import Cache
from benchmarks.model.datasets import NAMES, Dataset, load_dataset
from benchmarks.model.engines import ENGINES, FoldJob, FoldOutcome
from benchmarks.model.report import dataset_block, goals
from benchmarks.model.scores import Codes, Predictions

SEED = 7
MOST_CORES = 2
"""The goals were set for two cores, so no more are used where there are more."""

EXPLANATION = """\
Nested: an outer stratified cross-validation that no engine sees; each engine validates inside the training part in its
own way. One process at a time on the same cores, engines in turns within each fold. Seconds of ours are the whole
process (start, search, ensemble, export, evaluation, explanation), of a peer its `fit` call alone. For Azure's
published run on the Bank Marketing data (0.94615 AUC, 0.91866 accuracy, up to an hour on a cluster) the engine used one
10 % holdout: not comparable in the third digit."""


@dataclass(frozen=True)
class Protocol:
    """How a data set is measured: folds of the outer cross-validation, and seconds per fit."""

    folds: int
    budget_seconds: float


PROTOCOLS = {"bank": Protocol(folds=5, budget_seconds=60)}
OTHERS = Protocol(folds=3, budget_seconds=20)


@dataclass
class Measured:
    """The outcomes on one data set, per engine in the order of the folds that were run."""

    dataset: Dataset
    protocol: Protocol
    outcomes: dict[str, list[FoldOutcome]] = field(default_factory=dict)
    predictions: dict[str, list[Predictions]] = field(default_factory=dict)

    def add(self, engine: str, outcome: FoldOutcome, truth: Codes) -> None:
        """Take up one engine's outcome on the next fold."""
        self.outcomes.setdefault(engine, []).append(outcome)
        found = Predictions(truth, outcome.labels, outcome.probabilities)
        self.predictions.setdefault(engine, []).append(found)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--data", help="Bank Marketing CSV (default: the variable BANK_MARKETING_CSV)")
    parser.add_argument("--datasets", type=_names(NAMES), default=list(NAMES), help=f"of {','.join(NAMES)}")
    parser.add_argument("--engines", type=_names(tuple(ENGINES)), default=list(ENGINES), help=f"of {','.join(ENGINES)}")
    parser.add_argument("--folds", type=int, help="run the first so many of the folds only")
    parser.add_argument("--budget", type=float, help="seconds per fit (default 60; 20 on the small data sets)")
    parser.add_argument("--fresh", action="store_true", help="measure again what an earlier run measured")


def run(options: argparse.Namespace, command: str) -> Section:
    """Measure and report."""
    found = [measure(load_dataset(name, options.data), options) for name in options.datasets]
    versions = "; ".join(f"{name}: {ENGINES[name].versions()}" for name in options.engines)
    whole = options.folds is None and options.budget is None and list(options.engines) == list(ENGINES)
    bank = next((measured for measured in found if measured.dataset.name == "bank"), None)
    return Section(
        key="model",
        title="Model: our AutoML against FLAML and AutoGluon",
        command=command,
        versions=versions,
        goals=goals(bank.outcomes, bank.predictions, bank.protocol.folds) if bank else (),
        blocks=(
            EXPLANATION,
            *(dataset_block(m.dataset, m.protocol, m.outcomes, m.predictions) for m in found),
        ),
        complete=whole and bank is not None,
    )


def measure(dataset: Dataset, options: argparse.Namespace) -> Measured:
    """Every engine on every fold, in turns; what the cache has is not measured again."""
    protocol = PROTOCOLS.get(dataset.name, OTHERS)
    budget = options.budget or protocol.budget_seconds
    protocol = Protocol(protocol.folds, budget)
    cache = Cache(WORK / "model" / "outcomes")
    measured = Measured(dataset, protocol)
    engines: list[str] = list(options.engines)
    for number, (train, test) in enumerate(dataset.folds(protocol.folds, SEED)[: options.folds]):
        turn = number % len(engines)
        for name in [*engines[turn:], *engines[:turn]]:
            key = {
                "dataset": dataset.name,
                "fingerprint": dataset.fingerprint,
                "engine": name,
                "identity": ENGINES[name].identity(),
                "folds": protocol.folds,
                "fold": number,
                "seed": SEED,
                "budget": budget,
                "cores": len(_cores()),
            }
            outcome = None if options.fresh else cache.get(**key)
            if outcome is None:
                print(f"{dataset.name}, fold {number + 1} of {protocol.folds}, {name} ...", flush=True)
                outcome = _fit(name, dataset, dataset.frame.iloc[train], dataset.frame.iloc[test], budget)
                cache.put(outcome, **key)
                print(f"  {outcome.fit_seconds:.1f} s, {outcome.detail}", flush=True)
            measured.add(name, outcome, dataset.codes[test])
    return measured


def _fit(engine: str, dataset: Dataset, train: pd.DataFrame, test: pd.DataFrame, budget: float) -> FoldOutcome:
    WORK.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="fit-", dir=WORK))
    try:
        paths = scratch / "train.parquet", scratch / "test.parquet"
        for frame, path in zip((train, test), paths, strict=True):
            frame.reset_index(drop=True).to_parquet(path, index=False)
        job = FoldJob(
            dataset=dataset,
            train=paths[0],
            test=paths[1],
            work=scratch / "work",
            budget_seconds=budget,
            seed=SEED,
            cores=len(_cores()),
        )
        return ENGINES[engine].fit(job)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _cores() -> list[int]:
    return cores()[:MOST_CORES]


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return read
