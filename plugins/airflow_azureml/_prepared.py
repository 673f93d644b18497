"""What the task that prepared the training data returned, as far as the tasks after it need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import Reference, dataset_reference, model_reference
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

KEY_TAG = "training_key"
"""The tag of a model that tells which training it came of."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training task learns from it: tags of the model to be, and the model when there is one already."""

    model_tags: Mapping[str, str]
    trained_model: Reference | None

    @classmethod
    def of(cls, dataset: Any) -> Training:
        """From a rendered `dataset` argument, whatever that is. :raises InvalidRequest: a part of it is malformed."""
        if not isinstance(dataset, Mapping):
            return cls(model_tags={}, trained_model=None)
        trained = dataset.get("trained_model")
        return cls(
            model_tags=arguments.tags("dataset['model_tags']", dataset.get("model_tags")),
            trained_model=None if trained is None else model_reference(trained, None),
        )

    def run_that_trained(self, workspace: Workspace, model_name: str) -> str | None:
        """The run that a model of this training came from, None when it was never trained.

        A DAG run that died right after it registered its model did not live to say so; the model's tag tells.
        """
        if self.trained_model is not None:
            return workspace.get_model(self.trained_model.name, self.trained_model.version).run_id
        key = self.model_tags.get(KEY_TAG)
        versions = workspace.list_model_versions(model_name) if key else []
        return next((model.run_id for model in reversed(versions) if model.tags.get(KEY_TAG) == key), None)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The newest drop and the name of the drops' dataset, the training, where its model is tried and what judges it."""

    dataset: str
    drop_key: str
    training_key: str
    label: str
    candidate_service: str
    holdout: Reference

    @classmethod
    def of(cls, value: Any) -> Prepared | None:
        """From a rendered argument; None for nothing. :raises InvalidRequest: it is something else."""
        if arguments.is_absent(value):
            return None
        if not isinstance(value, Mapping):
            raise InvalidRequest(
                f"prepared is {str(value)[:60]!r}; pass the `.output` of the task that prepared the training data."
            )
        texts = {
            name: arguments.text(f"prepared[{name!r}]", value.get(name))
            for name in ("dataset", "drop_key", "training_key", "label", "candidate_service")
        }
        return cls(holdout=dataset_reference(value.get("holdout"), None), **texts)
