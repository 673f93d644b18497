import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.model import suite
from benchmarks.model.cache import Cache
from benchmarks.model.datasets import Dataset
from benchmarks.model.engines import FoldJob, FoldOutcome
from benchmarks.model.report import dataset_block, goals
from benchmarks.model.scores import Predictions, accuracy, auc_weighted, log_loss, paired_difference
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from azureml_workspace.records import ColumnSchema

pytestmark = pytest.mark.unit


def predictions(classes: int = 2, rows: int = 300, seed: int = 0, skill: float = 1.0) -> Predictions:
    generator = np.random.default_rng(seed)
    truth = np.arange(rows) % classes
    raw = generator.normal(size=(rows, classes)) + skill * np.eye(classes)[truth]
    raw = np.round(raw, 1)  # ties, as trees give them
    probabilities = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return Predictions(truth, probabilities.argmax(axis=1), probabilities)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_scores_are_those_of_scikit_learn(classes: int) -> None:
    made = predictions(classes)
    given = made.probabilities[:, 1] if classes == 2 else made.probabilities
    expected = roc_auc_score(made.truth, given, average="weighted", multi_class="ovr")
    assert auc_weighted(made) == pytest.approx(expected, abs=1e-12)
    assert accuracy(made) == accuracy_score(made.truth, made.labels)
    assert log_loss(made) == pytest.approx(sklearn_log_loss(made.truth, made.probabilities), rel=1e-9)


def test_a_clear_difference_is_clear_and_none_is_none() -> None:
    good, bad = predictions(skill=3, seed=1), predictions(skill=0.2, seed=2)
    clear = paired_difference([good], [bad], auc_weighted, resamples=200)
    assert 0 < clear.low < clear.mean < clear.high
    assert clear.mean == pytest.approx(auc_weighted(good) - auc_weighted(bad))
    same = paired_difference([good], [good], auc_weighted, resamples=50)
    assert (same.low, same.mean, same.high) == (0, 0, 0)


def test_other_rows_are_not_compared() -> None:
    one = predictions()
    other = Predictions(one.truth[::-1], one.labels, one.probabilities)
    with pytest.raises(ValueError, match="not the same rows"):
        paired_difference([one], [other], accuracy)


def outcome(made: Predictions, *, seconds: float = 30.0, mismatches: int | None = None) -> FoldOutcome:
    return FoldOutcome(
        labels=made.labels,
        probabilities=made.probabilities,
        fit_seconds=seconds,
        process_seconds=seconds,
        predict_ms=0.02,
        detail="a model",
        mismatches=mismatches,
        compared=0 if mismatches is None else 100,
    )


def test_the_cache_gives_back_what_was_put_under_the_same_key_alone(tmp_path: Path) -> None:
    cache, kept = Cache(tmp_path / "outcomes"), outcome(predictions(), mismatches=0)
    key: dict[str, object] = {"dataset": "bank", "engine": "ours", "fold": 0, "identity": "a"}
    assert cache.get(**key) is None
    cache.put(kept, **key)
    found = cache.get(**key)
    assert found is not None
    np.testing.assert_array_equal(found.probabilities, kept.probabilities)
    np.testing.assert_array_equal(found.labels, kept.labels)
    assert (found.fit_seconds, found.detail, found.mismatches, found.compared) == (30.0, "a model", 0, 100)
    assert cache.get(**(key | {"identity": "b"})) is None
    assert cache.get(**(key | {"fold": 1})) is None
    assert len(list((tmp_path / "outcomes").iterdir())) == 1


def test_goals_are_judged_by_the_figures() -> None:
    perfect = predictions(skill=50)
    poor = predictions(skill=0.1, seed=3)
    ours = outcome(perfect, mismatches=0)
    good = goals({"ours": [ours], "flaml": [outcome(poor)]}, {"ours": [perfect], "flaml": [poor]}, 1)
    assert [goal.passed for goal in good] == [True] * 5
    slow = replace(outcome(poor, seconds=60.1), mismatches=2, compared=100)
    bad = goals({"ours": [slow], "flaml": [outcome(perfect)]}, {"ours": [poor], "flaml": [perfect]}, 5)
    assert [goal.passed for goal in bad] == [False] * 5
    assert bad[0].name == "AUC_weighted, 1 of 5 folds only"
    assert bad[-1].observed == "2 of 100 differ"


class Oracle:
    """An engine that knows some of the truth, and counts its fits."""

    def __init__(self, name: str, log: list[tuple[str, int]]) -> None:
        self.name = name
        self.log = log
        self.broken = False

    def identity(self) -> str:
        return "1"

    def versions(self) -> str:
        return "1"

    def fit(self, job: FoldJob) -> FoldOutcome:
        if self.broken:
            raise KeyboardInterrupt
        test = pd.read_parquet(job.test)
        assert len(pd.read_parquet(job.train)) + len(test) == len(job.dataset.frame)
        self.log.append((self.name, len(test)))
        truth = (test["y"] == "yes").to_numpy().astype(np.int64)
        given = np.column_stack([1 - truth * 0.8, truth * 0.8])
        return replace(outcome(Predictions(truth, truth, given)), mismatches=0, compared=len(test))


@pytest.fixture
def dataset() -> Dataset:
    frame = pd.DataFrame({"x": range(60), "y": ["yes", "no", "no"] * 20})
    columns = (ColumnSchema(name="x", kind="integer"), ColumnSchema(name="y", kind="string"))
    codes = (frame["y"] == "yes").to_numpy().astype(np.int64)
    return Dataset("small", "y", columns, frame, codes, ("no", "yes"), "f")


def options(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**({"engines": ["a", "b"], "folds": None, "budget": None, "fresh": False} | given))


def test_engines_take_turns_and_an_interrupted_run_goes_on(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log: list[tuple[str, int]] = []
    engines = {name: Oracle(name, log) for name in ("a", "b")}
    monkeypatch.setattr(suite, "ENGINES", engines)
    monkeypatch.setattr(suite, "WORK", tmp_path)

    engines["b"].broken = True
    with pytest.raises(KeyboardInterrupt):
        suite.measure(dataset, options())
    assert log == [("a", 20)]
    engines["b"].broken = False
    measured = suite.measure(dataset, options())
    assert [name for name, _ in log] == ["a", "b", "b", "a", "a", "b"]
    assert [len(found) for found in measured.outcomes.values()] == [3, 3]
    suite.measure(dataset, options())
    assert len(log) == 6, "all of it was kept"
    suite.measure(dataset, options(budget=1.0, folds=1))
    assert len(log) == 8, "another budget is another measurement"
    assert not list(tmp_path.glob("fit-*")), "scratch folders are gone"

    shown = dataset_block(dataset, measured.protocol, measured.outcomes, measured.predictions)
    assert "### small: 60 rows, 1 columns, 2 classes; all 3 folds, 20 s per fit" in shown
    assert "| a | 1.0000 | 1.0000 |" in shown
