"""AutoML runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from azureml_workspace.azure_v1.sdk.automl_config import automl_config
from azureml_workspace.azure_v1.sdk.session import SdkSession
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLSettings

_MESSAGE = re.compile(r'"message": ("(?:[^"\\]|\\.)*")')
_REFUSALS = ("ValidationException", "ConfigException", "DataException")


def submit_automl(session: SdkSession, settings: Mapping[str, Any], properties: Mapping[str, str]) -> str:
    """Create and start a run that has `properties` from its creation on; gives its id.

    :raises InvalidRequest: the SDK or AutoML's own validation refused settings or data.
    """
    from azureml.automl.core.shared.exceptions import AutoMLException
    from azureml.core import Dataset, Experiment

    wanted = AutoMLSettings.from_dict(settings)
    dataset = Dataset.get_by_name(session.workspace, wanted.dataset_name, version=wanted.dataset_version)
    experiment = Experiment(session.workspace, wanted.experiment_name)
    with TemporaryDirectory(prefix="automl-") as folder, _created_with(properties):
        try:
            run = experiment.submit(automl_config(session, wanted, dataset, folder), show_output=False)
        except AutoMLException as error:
            if type(error).__name__ in _REFUSALS:
                raise InvalidRequest(_reason(str(error))) from error
            raise
    missing = {name: value for name, value in properties.items() if name not in run.get_properties()}
    if missing:
        run.add_properties(missing)
    return str(run.id)


@contextmanager
def _created_with(properties: Mapping[str, str]) -> Iterator[None]:
    """Give every run that is created meanwhile `properties` in the request that creates it.

    The SDK sends properties of its own there, and has no argument for others: those that are added afterwards are lost
    when this process is.
    """
    from azureml._restclient.jasmine_client import JasmineClient

    original = JasmineClient.post_parent_run

    def with_properties(client: Any, run: Any = None) -> Any:
        run.properties = {**(run.properties or {}), **properties}
        return original(client, run)

    JasmineClient.post_parent_run = with_properties
    try:
        yield
    finally:
        JasmineClient.post_parent_run = original


def _reason(text: str) -> str:
    """What AutoML's validation said, out of the documents that the SDK puts around it."""
    found = [json.loads(quoted) for quoted in _MESSAGE.findall(text)]
    said = list(dict.fromkeys(message for message in found if not message.startswith("Failed to execute")))
    return " ".join(said) if said else " ".join(text.split())


OPERATIONS: dict[str, Callable[..., Any]] = {"submit_automl": submit_automl}
