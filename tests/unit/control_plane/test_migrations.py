"""A state folder that an earlier version of this project made is used as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from azureml_local.store import migrations
from azureml_local.store.database import Database
from azureml_local.store.links import Links
from azureml_local.store.pipelines import PipelineStore
from azureml_local.store.runs import RunStore
from azureml_local.store.schema import SCHEMA_VERSION, Base
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLSettings
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

VERSION_1 = """
CREATE TABLE compute_targets (
    name VARCHAR NOT NULL, vm_size VARCHAR NOT NULL, min_nodes INTEGER NOT NULL, max_nodes INTEGER NOT NULL,
    idle_seconds INTEGER NOT NULL, PRIMARY KEY (name));
CREATE TABLE runs (
    number INTEGER NOT NULL, run_id VARCHAR NOT NULL, experiment_name VARCHAR NOT NULL, submission_key VARCHAR NOT NULL,
    compute_target VARCHAR NOT NULL, storage_key VARCHAR NOT NULL, settings JSON NOT NULL, status VARCHAR(20) NOT NULL,
    phase VARCHAR NOT NULL, error VARCHAR NOT NULL, properties JSON NOT NULL, events_read INTEGER NOT NULL,
    created_at DATETIME NOT NULL, started_at DATETIME, ended_at DATETIME, PRIMARY KEY (number), UNIQUE (run_id));
CREATE UNIQUE INDEX ix_runs_live_submission_key ON runs (submission_key)
    WHERE status NOT IN ('Failed', 'Canceled', 'CancelRequested');
INSERT INTO compute_targets VALUES ('cpu-cluster', 'vm', 0, 1, 120);
INSERT INTO runs VALUES (1, 'AutoML_1', 'exp', 'key', 'cpu-cluster', 'content', '{}', 'Completed', '', '', '{}', 0,
    '2026-01-01 00:00:00.000000', NULL, NULL);
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1)
    return path


def user_version(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found


def columns(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(runs)")]


def check(path: Path, settings: AutoMLSettings) -> None:
    """What was there is there, and what is new works; opened twice, because the second time nothing is to be done."""
    for _ in range(2):
        database = Database(path)
        runs = RunStore(database, Links(""))
        old_run = runs.get("AutoML_1")
        assert (old_run.status, old_run.parent_run_id) == (RunStatus.COMPLETED, None)
        run, _ = runs.submit(settings, "step", "content", parent_run_id="pipeline run")
        assert runs.find_step("pipeline run") == run
        assert PipelineStore(database, Links("")).list_all() == []
        database.close()
    assert user_version(path) == SCHEMA_VERSION


def test_version_1(old: Path, settings: AutoMLSettings) -> None:
    check(old, settings)


@pytest.mark.parametrize("part", ["statements", "tables"])
def test_a_migration_that_is_cut_off_leaves_the_old_version(
    old: Path, settings: AutoMLSettings, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    expected: type[BaseException]
    with monkeypatch.context() as cut_off:
        if part == "tables":
            cut_off.setattr(Base.metadata, "create_all", killed)
            expected = KeyboardInterrupt
        else:
            cut_off.setattr(migrations, "_STEPS", {1: (migrations._STEPS[1][0], "CREATE NONSENSE")})
            expected = InvalidRequest
        with pytest.raises(expected):
            Database(old)
    assert user_version(old) == 1
    assert "parent_run_id" not in columns(old)
    check(old, settings)


def test_both_ways_lead_to_the_same_tables(old: Path, tmp_path: Path) -> None:
    Database(old).close()
    Database(tmp_path / "new.db").close()

    def tables(path: Path) -> dict[str, set[tuple[str, str, int]]]:
        with sqlite3.connect(path) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: {(row[1], row[2], row[3]) for row in connection.execute(f"PRAGMA table_info({name})")}
                for name in names
            }

    def indexes(path: Path) -> set[tuple[str, str | None]]:
        with sqlite3.connect(path) as connection:
            found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
            return {(row[0], " ".join(row[1].split())) for row in found}

    assert tables(old) == tables(tmp_path / "new.db")
    made = {index for index in indexes(tmp_path / "new.db") if "ON runs" in (index[1] or "")}
    assert {index for index in made if "parent_run_id" in index[0]} <= indexes(old)
