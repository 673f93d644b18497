"""Where the data of a run comes from, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_config import sample_data
from scripts.run.data import obtain_data
from scripts.run.layout import Layout
from scripts.run.options import RunOptions

pytestmark = pytest.mark.unit


def test_a_signature_in_an_address_is_used_and_not_shown(tmp_path: Path) -> None:
    address = "https://me:pw@example.org/a.csv?sig=s3cret"
    data = obtain_data(Layout(tmp_path), RunOptions(data=address, label="y"))
    assert (data.path, data.message) == (address, "https://example.org/a.csv")


def test_a_file_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = obtain_data(Layout(tmp_path), RunOptions(data="my data.csv", label="y"))
    assert (data.path, data.message) == (str(tmp_path / "my data.csv"), "my data.csv")


def test_offline_and_without_data_rows_are_generated_and_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(_url: str, _timeout_seconds: float) -> bytes:
        raise sample_data.DownloadFailed("no connection")

    monkeypatch.setattr(sample_data, "_download", offline)
    data = obtain_data(Layout(tmp_path), RunOptions())
    assert data.is_generated
    assert data.message.startswith("GENERATED DATA, NOT THE REAL DATA SET.")
    assert "(no connection)" in data.message
    assert Path(data.path).is_relative_to(tmp_path / ".local" / "data")
    assert Path(data.path).read_text().startswith("age,job,")
