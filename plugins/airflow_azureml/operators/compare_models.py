"""Report a new model's figures next to those of the model that serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from airflow_azureml._comparison import Contender, compare, table
from airflow_azureml._references import model_reference, service_name
from airflow_azureml.operators.base import AzureMLBaseOperator
from azureml_workspace.errors import Conflict, NotFound, RunFailed
from azureml_workspace.statuses import ServiceState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_azureml.results import ModelComparisonResult
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import ModelVersion


class AzureMLCompareModelsOperator(AzureMLBaseOperator):
    """Compare a new model (the challenger) with the one that a web service serves (the champion). Changes nothing.

    Each figure is read from the run that the model came from. Figures of different data, or measured by another method,
    are shown with a warning. What cannot be read is said and not guessed.
    Assets given as `outlets` get the comparison as the extra of their event: model name and version, run, primary
    metric, score, verdict, and the champion's version and score. The task emits one event each time it succeeds, so a
    repeated one may name a model version that an earlier event named; that version is what a consumer goes by.
    Returns a `ModelComparisonResult`.

    :param model: the output of the task that made the model (AutoML or a pipeline run), or the name of a model.
    :param model_version: its version when a name was given (default the latest).
    :param service: the web service whose model is the champion: its name, or the deploy task's output. There is no
        champion when there is no such service, or when it was never deployed.
    """

    template_fields: Sequence[str] = (*AzureMLBaseOperator.template_fields, "model", "model_version", "service")

    def __init__(self, *, model: Any, service: Any, model_version: int | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.model_version = model_version
        self.service = service

    def perform(self, context: Context) -> ModelComparisonResult:
        """Read both, compare, tell."""
        reference = model_reference(self.model, self.model_version)
        service = service_name(self.service)
        workspace = self.hook.workspace
        challenger = _contender(workspace, workspace.get_model(reference.name, reference.version))
        champion = self._champion(workspace, service)
        compared = compare(challenger, champion, service_name=service)
        self._tell(compared)
        self._emit(context, compared)
        return compared

    def _champion(self, workspace: Workspace, service: str) -> Contender | None:
        try:
            found = workspace.get_service(service)
        except NotFound:
            self.log.info("There is no web service %s, so there is no champion.", service)
            return None
        if found.state is ServiceState.FAILED:
            self.log.warning("Web service %s is Failed, so there is no champion: %s", service, found.error)
            return None
        if found.state is not ServiceState.HEALTHY:
            self.log.warning("Web service %s is %s; its model may be another one soon.", service, found.state)
        try:
            model = workspace.get_model(found.model_name, found.model_version)
        except NotFound as error:
            return Contender(name=found.model_name, version=found.model_version, unreadable=str(error))
        return _contender(workspace, model)

    def _tell(self, compared: ModelComparisonResult) -> None:
        champion = compared.champion
        against = (
            f"{champion.name} version {champion.version}, which {compared.service_name} serves" if champion else "none"
        )
        self.log.info("Challenger: %s version %d. Champion: %s.", compared.model.name, compared.model.version, against)
        for line in table(compared):
            self.log.info("%s", line)
        for warning in compared.warnings:
            self.log.warning("%s", warning)
        self.log.info("Verdict on %s: %s.", compared.primary_metric or "the primary metric", compared.verdict)

    def _emit(self, context: Context, compared: ModelComparisonResult) -> None:
        """Fill the events that Airflow stores for the outlets when the task succeeds."""
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra.update(_extra(compared))


def _contender(workspace: Workspace, model: ModelVersion) -> Contender:
    """The model with its run's figures, or why there are none. What a retry may mend is let through."""
    name, version = model.tags.get("dataset", ""), model.tags.get("dataset_version", "")
    contender = Contender(
        name=model.name,
        version=model.version,
        run_id=model.run_id,
        data=f"{name} version {version}" if name and version else "",
    )
    try:
        return replace(contender, result=workspace.automl_result(model.run_id))
    except (NotFound, RunFailed, Conflict) as error:
        return replace(contender, unreadable=str(error))


def _extra(compared: ModelComparisonResult) -> dict[str, Any]:
    primary, champion = compared.primary, compared.champion
    return {
        "model_name": compared.model.name,
        "model_version": compared.model.version,
        "run_id": compared.run_id,
        "primary_metric": compared.primary_metric,
        "score": primary and primary.challenger,
        "verdict": compared.verdict,
        "service_name": compared.service_name,
        "champion_name": champion and champion.name,
        "champion_version": champion and champion.version,
        "champion_score": primary and primary.champion,
    }
