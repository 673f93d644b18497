"""Scripts that somebody gave to serve a model with: kept in the service's folder, each content once."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from azureml_local.files import temporary_sibling
from azureml_local.scoring.config import ScriptConfig
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import InvalidRequest

_FOLDER = "scripts"


@dataclass(frozen=True, kw_only=True)
class ScriptSource:
    """What was given: a folder, the path of the script in it, and the variables that it wants."""

    folder: Path
    entry: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Tells one content from another, whatever folder it is in."""
        digest = hashlib.sha256()
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            digest.update(f"{file.relative_to(self.folder)}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]


def source_of(script: ScriptConfig) -> ScriptSource:
    """The source that an installed script was, to deploy it again."""
    return ScriptSource(folder=Path(script.folder), entry=script.entry, variables=script.variables)


def install_script(service_dir: Path, source: ScriptSource) -> ScriptConfig:
    """Copy the source into the service's folder, unless it is there.

    :raises InvalidRequest: the script is not in the source. :raises StorageFull:
    """
    script = (source.folder / source.entry).resolve()
    if not script.is_file() or not script.is_relative_to(source.folder.resolve()):
        raise InvalidRequest(f"the entry script {source.entry!r} is not among the files that were given.")
    place = service_dir / _FOLDER / source.fingerprint
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_sibling(place)
        try:
            with no_room_as_storage_full("the entry script"):
                shutil.copytree(source.folder, temporary)
            temporary.rename(place)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return ScriptConfig(folder=str(place), entry=source.entry, variables=source.variables)
