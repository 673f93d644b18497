"""Remove a candidate service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import service_name
from airflow_azureml.gate_results import DeletedServiceResult
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.operators.deploy_candidate import candidate_of
from azureml_workspace.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from airflow.sdk import Context


class AzureMLDeleteServiceOperator(AzureMLBaseOperator):
    """Remove a web service that was deployed as a candidate; made for a teardown, so nothing to remove is no error.

    Give either `service`, or `candidate_of` with what the candidate's deployment was given: then a candidate is found
    although its deployment failed halfway and returned nothing.
    A service that is no candidate is left alone, and the task fails, unless `any_service` is set.
    Returns a `DeletedServiceResult`.

    :param service: the output of the task that deployed it, or its name. None: that task did not deploy one.
    :param candidate_of: the live service, by name, whose candidate is to be removed.
    :param prepared: with `candidate_of`: the output of the task that prepared the training data.
    :param model: with `candidate_of` and without `prepared`: the candidate's model, as its deployment was given it.
    :param model_version: its version when a name was given.
    :param any_service: whether a service that clients may use is removed too (default false).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "service",
        "candidate_of",
        "prepared",
        "model",
        "model_version",
        "any_service",
    )

    def __init__(
        self,
        *,
        service: Any = None,
        candidate_of: Any = None,
        prepared: Any = None,
        model: Any = None,
        model_version: int | str | None = None,
        any_service: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.candidate_of = candidate_of
        self.prepared = prepared
        self.model = model
        self.model_version = model_version
        self.any_service = any_service

    def perform(self, context: Context) -> DeletedServiceResult:  # noqa: ARG002
        """Look, delete."""
        from azureml_gate.candidate import is_candidate

        any_service = arguments.flag("any_service", self.any_service)
        name = self._name()
        workspace = self.hook.workspace
        if not name:
            self.log.info("No candidate was deployed, so there is none to remove.")
            return DeletedServiceResult(name="", deleted=False)
        try:
            found = workspace.get_service(name)
        except NotFound:
            self.log.info("There is no web service %s any more.", name)
            return DeletedServiceResult(name=name, deleted=False)
        if not any_service and not is_candidate(found):
            raise InvalidRequest(
                f"web service {name} was not deployed as a candidate, so clients may use it; to remove it all the "
                "same, set any_service."
            )
        workspace.delete_service(name)
        self.log.info("Removed web service %s with %s version %d.", name, found.model_name, found.model_version)
        return DeletedServiceResult(name=name, deleted=True)

    def _name(self) -> str:
        """The service to remove, nothing when none was deployed. :raises InvalidRequest:"""
        named, live = not arguments.is_absent(self.service), not arguments.is_absent(self.candidate_of)
        if named and live:
            raise InvalidRequest(
                f"service is {self.service!r} and candidate_of {self.candidate_of!r}; give one of them."
            )
        if named:
            return service_name(self.service)
        if not live or (arguments.is_absent(self.prepared) and arguments.is_absent(self.model)):
            return ""
        return candidate_of(service_name(self.candidate_of), self.prepared, self.model, self.model_version)
