"""Drift between two versions from their profiles: near what the rows themselves say."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from airflow_azureml.ui.views.profile_drift import profile_drift
from azureml_workspace.data.ingestion import ingest
from azureml_workspace.data.profile import DataProfile

pytestmark = pytest.mark.unit


def profile(folder: Path, *, mean: float = 0.0, words: str = "aaabbc", seed: int = 1, extra: str = "") -> DataProfile:
    chance = random.Random(seed)
    lines = [f"number,word,same{',' + extra if extra else ''}"]
    for _ in range(3000):
        row = [f"{chance.gauss(mean, 1):.4f}", chance.choice(words), "1"]
        lines.append(",".join(row + (["x"] if extra else [])))
    folder.mkdir()
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    return ingest(path, folder).profile


def test_the_same_population_has_hardly_moved(tmp_path: Path) -> None:
    drifts = {d.name: d.psi for d in profile_drift(profile(tmp_path / "a"), profile(tmp_path / "b", seed=2))}
    assert all(psi is not None and psi < 0.02 for psi in drifts.values()), drifts


def test_what_moved_most_stands_first(tmp_path: Path) -> None:
    drifts = profile_drift(profile(tmp_path / "a"), profile(tmp_path / "b", seed=2, mean=1.0))
    assert drifts[0].name == "number"
    # A shift of one standard deviation: the population's own index over these bins is 0.93.
    assert drifts[0].psi == pytest.approx(0.93, abs=0.2)


def test_values_that_are_new_count(tmp_path: Path) -> None:
    (word,) = (
        d for d in profile_drift(profile(tmp_path / "a"), profile(tmp_path / "b", words="dddddc")) if d.name == "word"
    )
    assert word.psi is not None
    assert word.psi > 1


def test_a_column_of_one_version_alone_is_named(tmp_path: Path) -> None:
    before, now = profile(tmp_path / "a", extra="gone"), profile(tmp_path / "b", extra="fresh")
    alone = {d.name: (d.before is None, d.now is None, d.psi) for d in profile_drift(before, now)}
    assert alone["gone"] == (False, True, None)
    assert alone["fresh"] == (True, False, None)
