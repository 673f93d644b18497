"""A transaction that reads and then writes, while another process writes, under SQLite."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

pytestmark = pytest.mark.unit

SETTINGS = Path(__file__).parents[3] / "scripts" / "airflow_settings" / "airflow_local_settings.py"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/airflow.db?timeout=0")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("CREATE TABLE runs (name TEXT)")
    yield engine
    engine.dispose()


def read_and_write(engine: Engine) -> None:
    """As Airflow makes a DAG run; in between another writes, or is refused because it is not its turn."""
    with engine.connect() as connection, connection.begin(), connection.begin_nested():
        connection.execute(text("SELECT count(*) FROM runs"))
        with suppress(OperationalError), engine.begin() as other:
            other.execute(text("INSERT INTO runs VALUES ('other')"))
        connection.execute(text("INSERT INTO runs VALUES ('own')"))


def rows(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT name FROM runs")).scalars())


def test_without_the_settings_the_transaction_is_refused(engine: Engine) -> None:
    with pytest.raises(OperationalError, match="database is locked"):
        read_and_write(engine)
    assert rows(engine) == ["other"]


def test_with_them_it_has_its_turn(engine: Engine) -> None:
    module = runpy.run_path(str(SETTINGS))
    listener = module["write_from_the_start"]
    try:
        read_and_write(engine)
    finally:
        event.remove(Engine, "savepoint", listener)
    assert rows(engine) == ["own"]


def test_a_savepoint_within_a_transaction_changes_nothing(engine: Engine) -> None:
    module = runpy.run_path(str(SETTINGS))
    try:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO runs VALUES ('before')"))
            with connection.begin_nested():
                connection.execute(text("INSERT INTO runs VALUES ('within')"))
    finally:
        event.remove(Engine, "savepoint", module["write_from_the_start"])
    assert rows(engine) == ["before", "within"]
