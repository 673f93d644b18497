"""The entry script that a deployment brings: whether the engine's own web service does what it would do.

The engine serves an AutoML model itself and runs nobody's script. That is the same thing for the script that the run
left, and for the one that airflow-azureml deploys; any other is refused and not left out in silence.
"""

from __future__ import annotations

import posixpath
import tarfile
from typing import Any

from azureml_local.azure_api.artifacts import Artifacts
from azureml_local.azure_api.model_management.service_wire import RESPONSE_FORMAT_VARIABLE
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound

_ARTIFACT_URL = "aml://artifact/"
_SCRIPT_VARIABLE = "AZUREML_ENTRY_SCRIPT"
_OWN_SCRIPT = "scoring_file.py"
_LONGEST_SCRIPT = 1024 * 1024


class EntryScripts:
    """Reads the scripts that the SDK uploads for a deployment."""

    def __init__(self, surface: Surface) -> None:
        self._artifacts = Artifacts(surface)
        self._workspace = surface.workspace

    def require_served(self, image: Any, model_name: str, model_version: int) -> None:
        """:raises InvalidRequest: the deployment's script is somebody's own, which nobody would run here.
        :raises NotFound: no such model version.
        """
        if not self._workspace.models.is_of_automl(model_name, model_version):
            return  # the engine refuses it, whatever the script
        variables = (image.get("environment") or {}).get("environmentVariables") or {}
        if RESPONSE_FORMAT_VARIABLE in variables:
            return
        script = self._read(image, str(variables.get(_SCRIPT_VARIABLE) or ""))
        own = self._workspace.home.model(model_name, model_version) / _OWN_SCRIPT
        if script is not None and (not own.is_file() or own.read_bytes() != script):
            raise InvalidRequest(
                "the entry script is not the one that the AutoML run left (outputs/scoring_file_v_1_0_0.py). The local "
                "Azure ML serves a model of AutoML itself and runs no script of your own; deploy with the run's script."
            )

    def _read(self, image: Any, path: str) -> bytes | None:
        """The script; None when the deployment brings none. :raises InvalidRequest: it was not uploaded."""
        assets = [asset for asset in image.get("assets") or [] if asset.get("id") != image.get("driverProgram")]
        if not assets:
            return None
        asset = assets[0]
        origin, container, name = (*str(asset.get("url")).removeprefix(_ARTIFACT_URL).split("/", 2), "", "")[:3]
        try:
            file = self._artifacts.get(origin, container, name).path
            if not asset.get("unpack"):
                return file.read_bytes()
            with tarfile.open(file) as archive:
                return _member(archive, path)
        except (NotFound, KeyError, tarfile.TarError) as error:
            raise InvalidRequest(f"the entry script {path or name!r} was not uploaded with the deployment.") from error


def _member(archive: tarfile.TarFile, path: str) -> bytes:
    """:raises KeyError: there is no such file in it, or it is no script."""
    entry = archive.getmember(posixpath.normpath(path))
    content = archive.extractfile(entry) if entry.size <= _LONGEST_SCRIPT else None
    if content is None:
        raise KeyError(path)
    return content.read()
