"""Temporary folders that go with their process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from azureml_workspace.azure_v1.scratch import ScratchFolder

pytestmark = pytest.mark.unit

DIES = """
import os, signal, sys
from pathlib import Path
from azureml_workspace.azure_v1.scratch import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]))
(folder.path / "left-behind").write_text("")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    folder = ScratchFolder(tmp_path)
    (folder.path / "some" / "thing").mkdir(parents=True)
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    in_use = ScratchFolder(tmp_path)
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob("*/left-behind"))) == 1
    another = ScratchFolder(tmp_path)
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == {in_use.path, another.path}
