from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import pytest

from scripts.make_env import main, variables

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).parents[3] / ".env.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLE, tmp_path)
    return tmp_path


def make(folder: Path) -> dict[str, str]:
    assert main(["--folder", str(folder)]) == 0
    return variables((folder / ".env").read_text())


def test_the_folder_for_data_is_there_before_docker_makes_it_as_root(folder: Path) -> None:
    make(folder)
    assert (folder / "data").is_dir()
    with (folder / ".env").open("a") as file:
        file.write("DATA_FOLDER=drops/csv\n")
    make(folder)
    assert (folder / "drops" / "csv").is_dir()


def test_every_secret_is_random_and_the_file_is_private(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = make(folder)
    other = tmp_path_factory.mktemp("other")
    shutil.copy(EXAMPLE, other)
    again = make(other)
    secret = [name for name, value in variables(EXAMPLE.read_text()).items() if not value]
    assert len(secret) > 5
    assert len({values[name] for values in (made, again) for name in secret}) == 2 * len(secret)
    assert all(re.fullmatch(r"[\w-]{40,}=?", made[name]) for name in secret)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert [
        path.name for path in folder.iterdir() if path.name.startswith(".env.") and "example" not in path.name
    ] == []


def test_the_fernet_key_is_one(folder: Path) -> None:
    from cryptography.fernet import Fernet

    key = Fernet(make(folder)["AIRFLOW_FERNET_KEY"])
    assert key.decrypt(key.encrypt(b"x")) == b"x"


def test_a_second_time_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(folder)
    before = (folder / ".env").read_bytes()
    make(folder)
    assert (folder / ".env").read_bytes() == before
    assert "nothing was changed" in capsys.readouterr().out


def test_what_a_newer_example_needs_is_added(folder: Path) -> None:
    (folder / ".env").write_text("POSTGRES_PASSWORD=mine\nCOMPOSE_PROFILES=\nOWN=1")
    made = make(folder)
    assert (made["POSTGRES_PASSWORD"], made["COMPOSE_PROFILES"], made["OWN"]) == ("mine", "", "1")
    assert made["AZUREML_TOKEN"]


def test_secrets_are_not_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make(folder)
    said = capsys.readouterr()
    assert not [name for name, value in made.items() if len(value) > 20 and value in said.out + said.err]


def test_without_an_example_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path)]) == 1
    assert ".env.example" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
