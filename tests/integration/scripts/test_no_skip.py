"""The plugin that lets CI pass only with every test run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest

def test_good(): pass

def test_left_out(): pytest.skip("no docker here")

@pytest.mark.xfail
def test_known_bad(): assert False
"""


MODULE = "import pytest\npytest.importorskip('no_such_module')\n"


def outcomes(tmp_path: Path, *tests: str, no_skip: bool) -> tuple[int, str]:
    for number, text in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    env = {name: value for name, value in os.environ.items() if name != "CI_NO_SKIP"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.no_skip", "-p", "no:cacheprovider", str(tmp_path)],
        env=env | {"PYTHONPATH": str(ROOT)} | ({"CI_NO_SKIP": "1"} if no_skip else {}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_skip_is_a_skip_for_a_developer(tmp_path: Path) -> None:
    code, said = outcomes(tmp_path, TESTS, MODULE, no_skip=False)
    assert code == 0, said
    assert "1 passed, 2 skipped, 1 xfailed" in said


def test_a_skip_is_a_failure_in_ci(tmp_path: Path) -> None:
    code, said = outcomes(tmp_path, TESTS, no_skip=True)
    assert code == 1
    assert "no docker here" in said
    assert "1 failed, 1 passed, 1 xfailed" in said


def test_a_skipped_module_is_a_failure_in_ci(tmp_path: Path) -> None:
    code, said = outcomes(tmp_path, MODULE, no_skip=True)
    assert code != 0
    assert "no_such_module" in said
