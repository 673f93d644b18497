from __future__ import annotations

import stat
from pathlib import Path

import pytest

from azureml_local.paths import Home

pytestmark = pytest.mark.unit


def test_a_sweep_removes_what_the_server_left_and_nothing_a_live_process_may_be_writing(home: Home) -> None:
    swept = [
        home.datasets / ".tmp-upload",
        home.model("bank", 1).parent / ".tmp-package",
        home.runs / ".tmp-doomed",
        home.services / ".tmp-doomed",
    ]
    kept = [home.run("r") / ".tmp-job", home.service("s") / ".tmp-status", home.dataset("abc"), home.model("bank", 1)]
    for folder in (*swept, *kept):
        (folder / "outputs").mkdir(parents=True)
    assert home.sweep() == len(swept)
    assert not any(folder.exists() for folder in swept)
    assert all((folder / "outputs").is_dir() for folder in kept)


@pytest.mark.parametrize(("beside", "mode"), [("metadata.db-wal", 0o700), ("somebody-elses.txt", 0o755)])
def test_the_folder_is_closed_unless_it_holds_other_things(tmp_path: Path, beside: str, mode: int) -> None:
    home = Home(tmp_path / "home")
    home.datasets.mkdir(parents=True)
    home.root.chmod(0o755)
    home.datasets.chmod(0o755)
    (home.root / beside).touch()
    home.create()
    assert stat.S_IMODE(home.root.stat().st_mode) == mode
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in home.root.iterdir() if folder.is_dir()} == {0o700}
