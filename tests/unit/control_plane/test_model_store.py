from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from azureml_local.paths import Home
from azureml_local.store.models import PACKAGE_FILES, ModelStore
from azureml_local.store.runs import RunStore
from azureml_workspace.errors import InvalidRequest, NotFound, RunFailed, StorageFull
from azureml_workspace.records import AutoMLSettings, Run
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit


@pytest.fixture
def completed(runs: RunStore, settings: AutoMLSettings, home: Home) -> Run:
    return complete(runs, settings, home, "key")


def complete(runs: RunStore, settings: AutoMLSettings, home: Home, key: str) -> Run:
    run = runs.submit(settings, key, "content")[0]
    outputs = home.run(run.run_id) / "outputs"
    outputs.mkdir(parents=True)
    for file in PACKAGE_FILES:
        (outputs / file).write_text(f"{file} of {key}")
    return runs.finish(run.run_id, RunStatus.COMPLETED, "")


def test_a_run_becomes_a_version_once(models: ModelStore, completed: Run, home: Home) -> None:
    made = models.register("bank", completed, {"stage": "dev"})
    again = models.register("bank", completed, {"owner": "ann"})
    assert (made.version, again.version) == (1, 1)
    assert again.tags == {"stage": "dev", "owner": "ann"}
    folder = home.model("bank", 1)
    assert {file.name for file in folder.iterdir()} == set(PACKAGE_FILES)
    assert all(file.stat().st_mode & 0o222 == 0 for file in folder.iterdir())


def test_a_version_does_not_change_with_its_run(models: ModelStore, completed: Run, home: Home) -> None:
    models.register("bank", completed, {})
    (home.run(completed.run_id) / "outputs" / "model.onnx").write_text("something else")
    assert (home.model("bank", 1) / "model.onnx").read_text() == "model.onnx of key"


def test_the_next_run_is_the_next_version(
    models: ModelStore, completed: Run, runs: RunStore, settings: AutoMLSettings, home: Home
) -> None:
    models.register("bank", completed, {})
    assert models.register("bank", complete(runs, settings, home, "other"), {}).version == 2
    assert models.register("shop", completed, {}).version == 1
    assert models.get("bank").version == 2
    assert models.get("bank", 1).run_id == completed.run_id
    assert [(model.name, model.version) for model in models.list_all()] == [("bank", 1), ("bank", 2), ("shop", 1)]


def test_a_run_without_a_model_cannot_be_registered(
    models: ModelStore, completed: Run, runs: RunStore, settings: AutoMLSettings, home: Home
) -> None:
    (home.run(completed.run_id) / "outputs" / "encoder.json").unlink()
    with pytest.raises(RunFailed, match=r"encoder\.json missing"):
        models.register("bank", completed, {})
    waiting = runs.submit(settings, "waiting", "content")[0]
    with pytest.raises(RunFailed, match="NotStarted"):
        models.register("bank", waiting, {})
    assert list(home.models.iterdir()) == []


def test_names_that_cannot_be(models: ModelStore, completed: Run) -> None:
    with pytest.raises(InvalidRequest, match="model name"):
        models.register("../../etc", completed, {})


def test_a_full_disk_leaves_no_version(
    models: ModelStore, completed: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, copied = shutil.copyfile, []

    def copy(source: Path, target: Path) -> Any:
        copied.append(source)
        if len(copied) == 3:
            raise OSError(28, "No space left on device")
        return real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", copy)
        with pytest.raises(StorageFull):
            models.register("bank", completed, {})
    assert list((home.models / "bank").iterdir()) == []
    with pytest.raises(NotFound):
        models.get("bank")
    assert models.register("bank", completed, {}).version == 1


def test_files_of_ones_own_are_versions_of_the_same_name(
    models: ModelStore, completed: Run, home: Home, tmp_path: Path
) -> None:
    (tmp_path / "weights.bin").write_bytes(b"weights")
    assert models.register("bank", completed, {}).version == 1
    for version in (2, 3):  # another each time: nobody says that they are the same
        made = models.register_files("bank", {"own/weights.bin": tmp_path / "weights.bin"}, {"stage": "dev"})
        assert (made.version, made.run_id, made.tags) == (version, "", {"stage": "dev"})
        assert (home.model("bank", version) / "own" / "weights.bin").read_bytes() == b"weights"
    assert (models.is_of_automl("bank", 1), models.is_of_automl("bank", 2)) == (True, False)


@pytest.mark.parametrize("path", ["../outside", "a/../b", "/absolute", "a//b", "."])
def test_files_that_lead_out_of_the_model_are_refused(
    models: ModelStore, home: Home, tmp_path: Path, path: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="path"):
        models.register_files("bank", {path: tmp_path / "file"}, {})
    with pytest.raises(InvalidRequest, match="no files"):
        models.register_files("bank", {}, {})
    assert models.list_all() == []


def test_tags_are_replaced_and_versions_deleted(models: ModelStore, completed: Run, home: Home) -> None:
    models.register("bank", completed, {"stage": "dev"})
    assert models.set_tags("bank", 1, {"owner": "ann"}).tags == {"owner": "ann"}
    models.delete("bank", 1)
    assert not home.model("bank", 1).exists()
    for call in (lambda: models.get("bank"), lambda: models.delete("bank", 1), lambda: models.set_tags("bank", 1, {})):
        with pytest.raises(NotFound):
            call()
