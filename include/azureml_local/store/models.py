"""Registered models: copies of what a completed run exported, under a name and a version."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from azureml_local.files import remove_tree, temporary_sibling
from azureml_local.paths import Home
from azureml_local.store.database import Database
from azureml_local.store.schema import ModelRow
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import NotFound, RunFailed
from azureml_workspace.records import ModelVersion, Run, validate_model_name
from azureml_workspace.statuses import RunStatus

PACKAGE_FILES = (
    "model.onnx",
    "model.pkl",
    "signature.json",
    "encoder.json",
    "scoring_file.py",
    "conda_env.yml",
)
OUTPUTS = "outputs"


class ModelStore:
    """The models of this workspace."""

    def __init__(self, home: Home, database: Database) -> None:
        self._home = home
        self._database = database

    def register(self, name: str, run: Run, tags: Mapping[str, str]) -> ModelVersion:
        """The version of `name` that came from `run`, made when there is none. Tags are added to it.

        :raises InvalidRequest: the name is not valid.
        :raises RunFailed: the run has not completed, or left no whole model package.
        :raises StorageFull: no room; nothing was kept.
        """
        validate_model_name(name)
        outputs = self._require_package(run)
        with self._database.write() as session:
            row = session.scalar(select(ModelRow).where(ModelRow.name == name, ModelRow.run_id == run.run_id))
            if row is not None:
                row.tags = {**row.tags, **tags}
                return _record(row)
            latest = session.scalar(select(func.max(ModelRow.version)).where(ModelRow.name == name)) or 0
            row = ModelRow(
                name=name, version=latest + 1, run_id=run.run_id, tags=dict(tags), created_at=datetime.now(UTC)
            )
            session.add(row)
            # Inside the transaction: the next version number is ours, and its folder is there when it is seen.
            self._copy_package(outputs, self._home.model(name, row.version))
            return _record(row)

    def get(self, name: str, version: int | None = None) -> ModelVersion:
        """One version, the latest when none is named. :raises NotFound:"""
        with self._database.read() as session:
            return _record(_require(session, name, version))

    def list_all(self) -> list[ModelVersion]:
        """Every version, by name and version."""
        query = select(ModelRow).order_by(ModelRow.name, ModelRow.version)
        with self._database.read() as session:
            return [_record(row) for row in session.scalars(query)]

    def set_tags(self, name: str, version: int, tags: Mapping[str, str]) -> ModelVersion:
        """Replace the version's tags. :raises NotFound:"""
        with self._database.write() as session:
            row = _require(session, name, version)
            row.tags = dict(tags)
            return _record(row)

    def delete(self, name: str, version: int) -> None:
        """Forget the version and remove its files. :raises NotFound:"""
        with self._database.write() as session:
            session.delete(_require(session, name, version))
        # After the commit: killed before this line, a folder is left that the next registration of its number replaces.
        remove_tree(self._home.model(name, version))

    def _require_package(self, run: Run) -> Path:
        if run.status is not RunStatus.COMPLETED:
            raise RunFailed(f"run {run.run_id} is {run.status.value}; only a completed run has a model to register.")
        outputs = self._home.run(run.run_id) / OUTPUTS
        missing = [file for file in PACKAGE_FILES if not (outputs / file).is_file()]
        if missing:
            raise RunFailed(f"run {run.run_id} left no whole model: {', '.join(missing)} missing in its outputs.")
        return outputs

    def _copy_package(self, outputs: Path, folder: Path) -> None:
        remove_tree(folder)  # a version that was never committed: an earlier registration was cut off
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_sibling(folder)
        try:
            with no_room_as_storage_full("the model"):
                temporary.mkdir()
                for file in PACKAGE_FILES:
                    shutil.copyfile(outputs / file, temporary / file)
                    (temporary / file).chmod(0o444)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _require(session: Session, name: str, version: int | None) -> ModelRow:
    query = select(ModelRow).where(ModelRow.name == name).order_by(ModelRow.version.desc()).limit(1)
    if version is not None:
        query = query.where(ModelRow.version == version)
    row = session.scalar(query)
    if row is None:
        wanted = f"model {name!r}" if version is None else f"version {version} of model {name!r}"
        raise NotFound(f"there is no {wanted}; register it first, or check the name.")
    return row


def _record(row: ModelRow) -> ModelVersion:
    return ModelVersion(name=row.name, version=row.version, run_id=row.run_id, created_at=row.created_at, tags=row.tags)
