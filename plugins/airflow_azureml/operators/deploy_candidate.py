"""Deploy a new model beside the live service, for the gate to judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException

from airflow_azureml import _arguments as arguments
from airflow_azureml._dag_runs import name_of_run
from airflow_azureml._prepared import Prepared
from airflow_azureml._references import Reference, model_reference, service_name
from airflow_azureml.operators.deploy_model import AzureMLDeployModelOperator
from azureml_workspace.errors import InvalidRequest, NotFound, WorkspaceError
from azureml_workspace.records import DeploySettings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_azureml._awaited import Awaited
    from airflow_azureml.operators._awaitable import Plan
    from airflow_azureml.results import ServiceResult
    from azureml_gate.decision import GateRequest
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import WebService


class AzureMLDeployCandidateOperator(AzureMLDeployModelOperator):
    """Deploy a model under a name of its own, beside the service whose model it may replace, and wait until it answers.

    With `prepared`, the training counts as finished first. A model of older data than the one that is served is not
    deployed: the decision is stored, the drop's ledger says so, and the task is skipped.
    A candidate whose deployment fails or is given up is removed at once: Airflow runs no teardown after a setup that
    failed. A service of that name that is no candidate of the live one is never touched.
    The candidate has the arguments of `AzureMLDeployModelOperator`; give it those of the live service, so that the two
    answer equally fast.
    Returns a `ServiceResult`.

    :param service: the live service, by name; it need not exist yet.
    :param prepared: the output of the task that prepared the training data (default: no drop).
    :param model: the AutoML task's output, or the name of a model.
    :param allow_older: whether a model of older data may come to the gate (default false).
    :param service_name: name of the candidate (default: as `prepared` says, or made of the live service's name and the
        model, so that two candidates do not meet).
    """

    template_fields: Sequence[str] = (
        *AzureMLDeployModelOperator.template_fields,
        "service",
        "prepared",
        "allow_older",
    )

    def __init__(
        self,
        *,
        service: Any,
        prepared: Any = None,
        allow_older: bool | str = False,
        service_name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(service_name=service_name, **kwargs)
        self.service = service
        self.prepared = prepared
        self.allow_older = allow_older

    def prepare(self, context: Context) -> Plan[WebService]:
        """Check, finish the training, look at the age."""
        prepared = Prepared.of(self.prepared)
        live, allow_older = service_name(self.service), arguments.flag("allow_older", self.allow_older)
        plan = super().prepare(context)
        settings = DeploySettings.from_dict(plan.memo)
        self._require_a_candidates_name(settings.service_name, live)
        run = name_of_run(context)
        if prepared is not None:
            self._finish_training(prepared, settings, run)
        if not allow_older:
            self._skip_older(self._request(live, prepared, settings, run))
        return plan

    def give_up(self, awaited: Awaited) -> None:
        """Remove it: nobody uses a candidate."""
        self._remove(self.hook_of(awaited).hurried_workspace, DeploySettings.from_dict(awaited.memo).service_name)

    def finish(self, context: Context, seen: WebService, awaited: Awaited) -> ServiceResult:
        """Whether the candidate is what was asked for; one that is not is removed."""
        try:
            return super().finish(context, seen, awaited)
        except AirflowFailException:
            self._remove(lambda: self.hook.workspace, seen.name)
            raise

    def name_of_service(self) -> str:
        """The candidate's name, by the training, or by the model when there is none."""
        given = arguments.optional(arguments.text, "service_name", self.service_name)
        if given is not None:
            return given
        return candidate_of(service_name(self.service), self.prepared, self.model, self.model_version)

    def _settings(self, model: Reference) -> DeploySettings:
        from azureml_gate.candidate import CANDIDATE_TAG

        settings = super()._settings(model)
        return replace(settings, tags={**settings.tags, CANDIDATE_TAG: service_name(self.service)})

    def _finish_training(self, prepared: Prepared, settings: DeploySettings, run: str) -> None:
        from azureml_drops.training_claim import finish_training

        finish_training(
            self.hook.workspace,
            prepared.dataset,
            prepared.training_key,
            model_name=settings.model_name,
            model_version=settings.model_version,
            by=run,
        )

    def _require_a_candidates_name(self, name: str, live: str) -> None:
        """:raises InvalidRequest: clients may use the service of that name."""
        from azureml_gate.candidate import CANDIDATE_TAG

        if name == live:
            raise InvalidRequest(
                f"service_name and service are both {live!r}; a candidate stands beside the live service. Give it "
                "another service_name, or none."
            )
        try:
            found = self.hook.workspace.get_service(name)
        except NotFound:
            return
        if found.tags.get(CANDIDATE_TAG) != live:
            raise InvalidRequest(
                f"there is a web service {name} that is no candidate of {live}, so clients may use it; give the "
                "candidate another service_name."
            )

    def _remove(self, workspace: Callable[[], Workspace], name: str) -> None:
        try:
            workspace().delete_service(name)
            self.log.info("Removed candidate service %s.", name)
        except (WorkspaceError, AirflowNotFoundException) as error:
            self.log.warning("Candidate service %s could not be removed; do so by hand: %s", name, error)

    def _skip_older(self, request: GateRequest) -> None:
        from azureml_gate.decide import decide_by_age
        from azureml_gate.outcomes import note_decision

        decision = decide_by_age(self.hook.workspace, request)
        if decision is None:
            return
        note_decision(self.hook.workspace, decision)
        # Of an execution that was killed: after a setup that is skipped no teardown runs.
        self._remove(lambda: self.hook.workspace, request.candidate_service)
        raise AirflowSkipException(f"{decision.reason} The decision is {decision.path}.")

    def _request(self, live: str, prepared: Prepared | None, settings: DeploySettings, run: str) -> GateRequest:
        from azureml_gate.decision import GateRequest, Versioned

        return GateRequest(
            service=live,
            candidate_service=settings.service_name,
            challenger=Versioned(name=settings.model_name, version=settings.model_version),
            drop_dataset="" if prepared is None else prepared.dataset,
            drop_key="" if prepared is None else prepared.drop_key,
            by=run,
        )


def candidate_of(service: str, prepared: Any, model: Any, model_version: Any) -> str:
    """The name of the candidate for a training, or for a model version when no training is named."""
    from azureml_gate.candidate import candidate_name

    training = Prepared.of(prepared)
    if training is not None:
        return training.candidate_service
    reference = model_reference(model, model_version)
    return candidate_name(service, f"{reference.name}:{reference.version or 'latest'}")
