"""Names that people give, held to Azure's rules: either side of the seam can refuse one before any work is done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    words: str

    def check(self, kind: str, name: str) -> None:
        if not self.pattern.fullmatch(name):
            raise InvalidRequest(f"{kind} name {shown(name)} is not valid: {self.words}.")


_ASSET = _Rule(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}"),
    "1 to 255 letters, digits, dashes, underscores and dots, starting with a letter or a digit",
)
_EXPERIMENT = _Rule(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,35}"),
    "3 to 36 letters, digits, dashes and underscores, starting with a letter or a digit",
)
_COMPUTE = _Rule(
    re.compile(r"[A-Za-z][A-Za-z0-9-]{0,22}[A-Za-z0-9]"),
    "2 to 24 letters, digits and dashes, starting with a letter and not ending with a dash (for example 'cpu-cluster')",
)
_SERVICE = _Rule(
    re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]"),
    "3 to 32 characters, lowercase letters, digits and dashes, starting with a letter and not ending with a dash "
    "(for example 'bank-marketing')",
)


def validate_dataset_name(name: str) -> None:
    """Azure's rule for a registered dataset. :raises InvalidRequest: `name` breaks it."""
    _ASSET.check("dataset", name)


def validate_model_name(name: str) -> None:
    """Azure's rule for a registered model. :raises InvalidRequest: `name` breaks it."""
    _ASSET.check("model", name)


def validate_experiment_name(name: str) -> None:
    """The rule in the docstring of `azureml.core.Experiment`. :raises InvalidRequest: `name` breaks it."""
    _EXPERIMENT.check("experiment", name)


def validate_compute_name(name: str) -> None:
    """Azure's rule for a compute target. :raises InvalidRequest: `name` breaks it."""
    _COMPUTE.check("compute target", name)


def validate_service_name(name: str) -> None:
    """Azure Container Instances' rule for a web service. :raises InvalidRequest: `name` breaks it."""
    _SERVICE.check("service", name)


def validate_pipeline_name(name: str) -> None:
    """The rule of assets, which a pipeline endpoint's name keeps too. :raises InvalidRequest: `name` breaks it."""
    _ASSET.check("pipeline", name)
