"""The entry script that a deployment brings, and whether anybody has to run it.

The engine's own web service does what AutoML's script does, and what the script of airflow-azureml does. With those,
known by their bytes, it serves a model of AutoML by itself; any other script is run.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from azureml_local.azure_api.artifacts import Artifacts
from azureml_local.azure_api.surface import Surface
from azureml_local.services.scripts import ScriptSource
from azureml_workspace.azure_v1.serving import ENTRY_SCRIPT
from azureml_workspace.errors import InvalidRequest, NotFound

_ARTIFACT_URL = "aml://artifact/"
_SCRIPT_VARIABLE = "AZUREML_ENTRY_SCRIPT"
_OWN_SCRIPT = "scoring_file.py"


class EntryScripts:
    """Reads the scripts that the SDK uploads for a deployment."""

    def __init__(self, surface: Surface) -> None:
        self._artifacts = Artifacts(surface)
        self._workspace = surface.workspace

    @contextmanager
    def of(self, image: Any, model_name: str, model_version: int) -> Iterator[ScriptSource | None]:
        """The script that has to be run, in files that are there for that long; None when the engine serves the model.

        :raises InvalidRequest: it was not uploaded. :raises NotFound: no such model version.
        """
        is_of_automl = self._workspace.models.is_of_automl(model_name, model_version)
        variables = _variables(image)
        asset = _script_asset(image)
        if asset is None:
            yield None
            return
        with TemporaryDirectory(dir=self._workspace.home.temporaries) as folder:
            source = self._fetched(asset, variables, Path(folder))
            own = self._workspace.home.model(model_name, model_version) / _OWN_SCRIPT
            yield None if is_of_automl and _is_one_of(source, own, ENTRY_SCRIPT) else source

    def _fetched(self, asset: Any, variables: dict[str, str], folder: Path) -> ScriptSource:
        origin, container, name = (*str(asset.get("url")).removeprefix(_ARTIFACT_URL).split("/", 2), "", "")[:3]
        entry = variables.get(_SCRIPT_VARIABLE) or name
        try:
            file = self._artifacts.get(origin, container, name).path
            if asset.get("unpack"):
                with tarfile.open(file) as archive:
                    archive.extractall(folder, filter="data")
            else:
                shutil.copyfile(file, folder / Path(entry).name)
        except (NotFound, tarfile.TarError) as error:
            raise InvalidRequest(f"the entry script {entry!r} cannot be had: {error}") from error
        return ScriptSource(folder=folder, entry=entry, variables=variables)


def _variables(image: Any) -> dict[str, str]:
    given = (image.get("environment") or {}).get("environmentVariables") or {}
    return {str(name): str(value) for name, value in given.items()}


def _script_asset(image: Any) -> Any:
    """The asset that holds the script; the other one is the SDK's own driver, which only imports the script."""
    assets = image.get("assets") or []
    return next((asset for asset in assets if asset.get("id") != image.get("driverProgram")), None)


def _is_one_of(source: ScriptSource, *known: Path) -> bool:
    script = source.folder / source.entry
    return script.is_file() and script.read_bytes() in [file.read_bytes() for file in known if file.is_file()]
