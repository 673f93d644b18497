"""The step that registers AutoML's best model, as `azureml_workspace.azure_v1` publishes it.

On Azure its script does the work. Here the engine registers models itself, so the step is recognised by its script and
its arguments, and the engine's registration is run in its place; the step's log says so. A script that is not the very
same is another step: it may do anything.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from azureml_local.azure_api.bodies import read
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.wire import StructuredInterface
from azureml_local.azure_api.snapshots import read_snapshot_file
from azureml_local.azure_api.surface import Surface
from azureml_workspace.azure_v1.steps import SCRIPT, SOURCE
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the step is told: the model's name, and tags besides those that the registration adds itself."""

    model_name: str
    tags: Mapping[str, str]


def read_registration(surface: Surface, module: Document) -> Registration | None:
    """What the step registers, None when it is another step.

    :raises InvalidRequest: it is the registration, with arguments that cannot be read.
    """
    content = read_snapshot_file(surface, str(module.get("StorageId") or ""), SCRIPT)
    if content != (SOURCE / SCRIPT).read_bytes():
        return None
    interface = read(module["StructuredInterface"] or {}, StructuredInterface)
    given = [str(argument.value) for argument in interface.arguments or ()]
    values = dict(zip(given[::2], given[1::2], strict=False))
    try:
        tags = json.loads(base64.urlsafe_b64decode(values["--tags"]))
        return Registration(
            model_name=values["--model-name"], tags={str(name): str(value) for name, value in tags.items()}
        )
    except (KeyError, ValueError, AttributeError) as error:
        raise InvalidRequest(
            f"step {shown(str(module['Name']))} needs the arguments --model-name and --tags ({error!r})."
        ) from error
