"""Registered models: copies of what a completed run exported, under a name and a version."""

from __future__ import annotations

import shutil
import uuid
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
from azureml_workspace.errors import InvalidRequest, NotFound, RunFailed
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
_FILES = "files:"
"""What stands in `run_id` of a version that somebody's own files are, with a word after it that no other has."""


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
            self._copy({file: outputs / file for file in PACKAGE_FILES}, self._home.model(name, row.version))
            return _record(row)

    def register_files(self, name: str, files: Mapping[str, Path], tags: Mapping[str, str]) -> ModelVersion:
        """The next version of `name`: somebody's own files, by their path in the model.

        :raises InvalidRequest: the name or a path is not valid, or there are no files. :raises StorageFull:
        """
        validate_model_name(name)
        if not files:
            raise InvalidRequest(f"model {name!r} has no files; upload them first.")
        for path in files:
            if not all(part.strip(".") for part in path.split("/")):
                raise InvalidRequest(f"{path!r} cannot be the path of a model's file.")
        with self._database.write() as session:
            latest = session.scalar(select(func.max(ModelRow.version)).where(ModelRow.name == name)) or 0
            row = ModelRow(
                name=name,
                version=latest + 1,
                run_id=f"{_FILES}{uuid.uuid4()}",
                tags=dict(tags),
                created_at=datetime.now(UTC),
            )
            session.add(row)
            self._copy(files, self._home.model(name, row.version))
            return _record(row)

    def is_of_automl(self, name: str, version: int) -> bool:
        """Whether the version is what an AutoML run exported, which a web service can serve. :raises NotFound:"""
        with self._database.read() as session:
            return not _require(session, name, version).run_id.startswith(_FILES)

    def get(self, name: str, version: int | None = None) -> ModelVersion:
        """One version, the latest when none is named. :raises NotFound:"""
        with self._database.read() as session:
            return _record(_require(session, name, version))

    def list_all(self, name: str | None = None) -> list[ModelVersion]:
        """Every version, of one model when it is named, by name and version."""
        query = select(ModelRow).order_by(ModelRow.name, ModelRow.version)
        if name is not None:
            query = query.where(ModelRow.name == name)
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

    def _copy(self, files: Mapping[str, Path], folder: Path) -> None:
        remove_tree(folder)  # a version that was never committed: an earlier registration was cut off
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_sibling(folder)
        try:
            with no_room_as_storage_full("the model"):
                temporary.mkdir()
                for path, source in files.items():
                    copy = temporary / path
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, copy)
                    copy.chmod(0o444)
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
    run_id = "" if row.run_id.startswith(_FILES) else row.run_id
    return ModelVersion(name=row.name, version=row.version, run_id=run_id, created_at=row.created_at, tags=row.tags)
