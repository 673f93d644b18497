from __future__ import annotations

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
