"""`scripts/setup.sh` in a checkout of its own, with a uv that only notes how it was called."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.local_server import eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
BASE_PYTHON = str(Path(sys.executable).resolve())


@dataclass
class Checkout:
    root: Path
    home: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def venv(self) -> Path:
        return self.root / ".local" / "venv"

    @property
    def calls(self) -> list[str]:
        path = Path(self.environment["FAKE_UV_CALLS"])
        return path.read_text().splitlines() if path.exists() else []

    @property
    def lock_installs(self) -> int:
        return sum(f"-r {self.root}/requirements.txt" in call for call in self.calls)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(self.root / "scripts" / "setup.sh"), *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # As in a terminal: whoever runs the tests in the background has it ignored, which a shell cannot undo.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self.started.append(process)
        return process

    def set_up(self, *arguments: str, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, **environment)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    root, home, tools = tmp_path / "project", tmp_path / "home", tmp_path / "tools"
    for folder in (root / "scripts", home, tools):
        folder.mkdir(parents=True)
    for name in ("setup.sh", "bootstrap.py"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts" / name)
    for name in ("requirements.txt", "requirements.in", "requirements-dev.txt", "pyproject.toml"):
        (root / name).write_text("")
    (tools / "uv").symlink_to(Path(__file__).with_name("fake_uv.sh"))
    (tools / "python3.11").symlink_to(BASE_PYTHON)
    environment = {
        "PATH": f"{tools}:/usr/bin:/bin",
        "HOME": str(home),
        "FAKE_UV_CALLS": str(tmp_path / "calls"),
        "FAKE_UV_PYTHON": BASE_PYTHON,
    }
    made = Checkout(root, home, environment)
    yield made
    for process in made.started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_first_time_installs_and_the_second_does_nothing(checkout: Checkout) -> None:
    code, said = checkout.set_up()
    assert code == 0, said
    assert checkout.lock_installs == 1
    assert "Downloading rich" in said
    assert "+ rich" not in said
    assert "ready" in said
    calls = checkout.calls
    assert checkout.set_up() == (0, "")
    assert checkout.calls == calls
    assert list(checkout.home.iterdir()) == []


def test_development_tools_come_on_top(checkout: Checkout) -> None:
    checkout.set_up()
    code, said = checkout.set_up("--dev")
    assert code == 0, said
    assert any(f"-r {checkout.root}/requirements-dev.txt" in call for call in checkout.calls)
    assert checkout.set_up("--dev") == (0, "")
    assert checkout.set_up() == (0, "")


def test_a_new_lock_is_installed_into_what_is_there(checkout: Checkout) -> None:
    checkout.set_up()
    (checkout.venv / "mine").touch()
    (checkout.root / "requirements.txt").write_text("rich==15.0.1\n")
    code, said = checkout.set_up()
    assert code == 0, said
    assert checkout.lock_installs == 2
    assert (checkout.venv / "mine").exists()


def test_killed_half_way_starts_afresh_the_next_time(checkout: Checkout, tmp_path: Path) -> None:
    process = checkout.start(FAKE_UV_GO=str(tmp_path / "never"))
    eventually(lambda: checkout.lock_installs == 1, what="the install")
    (checkout.venv / "half-installed").touch()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    code, said = checkout.set_up()
    assert code == 0, said
    assert "the last set-up was interrupted: starting afresh" in said
    assert not (checkout.venv / "half-installed").exists()
    assert checkout.set_up() == (0, "")


def test_ctrl_c_says_that_it_can_be_run_again(checkout: Checkout, tmp_path: Path) -> None:
    process = checkout.start(FAKE_UV_GO=str(tmp_path / "never"))
    eventually(lambda: checkout.lock_installs == 1, what="the install")
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Run the same make command again" in said
    assert "Traceback" not in said


def test_two_at_once_install_once(checkout: Checkout, tmp_path: Path) -> None:
    go = tmp_path / "go"
    first = checkout.start(FAKE_UV_GO=str(go))
    eventually(lambda: checkout.lock_installs == 1, what="the first install")
    second = checkout.start()
    assert second.stdout is not None
    assert "waiting for it" in second.stdout.readline()
    go.touch()
    assert [first.wait(30), second.wait(30)] == [0, 0]
    assert checkout.lock_installs == 1


def test_a_python_that_is_gone_is_replaced(checkout: Checkout) -> None:
    checkout.set_up()
    (checkout.venv / "bin" / "python").unlink()
    (checkout.venv / "bin" / "python").symlink_to("/gone/python3.11")
    code, said = checkout.set_up()
    assert code == 0, said
    assert "Python is gone: starting afresh" in said


def test_a_failing_install_says_why_and_what_to_do(checkout: Checkout) -> None:
    code, said = checkout.set_up(FAKE_UV_FAIL="1")
    assert code == 1
    assert "Failed to fetch: https://pypi.org/simple/rich/" in said
    assert "PIP_INDEX_URL" in said
    assert checkout.set_up()[0] == 0


def test_a_named_python_that_is_none(checkout: Checkout) -> None:
    code, said = checkout.set_up(PYTHON="/bin/false")
    assert code == 1
    assert "PYTHON is '/bin/false', which is not a Python 3.11 that runs." in said
    assert "uv python install 3.11" in said


def test_no_python_at_all(checkout: Checkout, tmp_path: Path) -> None:
    script = checkout.root / "scripts" / "setup.sh"
    text = script.read_text()
    for folder in ("/opt/homebrew/bin/", "/usr/local/bin/"):  # where this machine may well have one
        text = text.replace(f"{folder}python3.11", "/nonexistent/python3.11")
    script.write_text(text)
    tools = tmp_path / "bare"
    tools.mkdir()
    for name in ("bash", "dirname", "env"):
        (tools / name).symlink_to(str(shutil.which(name)))
    code, said = checkout.set_up(PATH=str(tools))
    assert code == 1
    assert "found no Python 3.11 (python3 here is missing)" in said
    assert "curl -LsSf https://astral.sh/uv/install.sh | sh" in said
    assert not (checkout.root / ".local").exists()
