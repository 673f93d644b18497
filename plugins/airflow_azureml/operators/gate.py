"""Decide whether a new model may replace the one that a web service serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._dag_runs import name_of_run
from airflow_azureml._gate_arguments import GATE_FIELDS, gate_settings
from airflow_azureml._prepared import Prepared
from airflow_azureml._references import Reference, dataset_reference, service_name
from airflow_azureml.gate_results import GateResult, gate_result
from airflow_azureml.links import AzureMLDecisionLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_gate.decision import DecisionRecord, GateRequest


class AzureMLGateOperator(AzureMLBaseOperator):
    """Judge a candidate (the challenger) beside the live service (the champion), store the decision, deploy nothing.

    Both score the same holdout rows through their endpoints, and both are loaded a little, in turns. The primary metric
    with its interval, the worst cohort, latency and errors are held against the parameters; `docs/gate.md` has the
    rules. For the first model of a service only what can be said of it alone counts.
    The whole decision is a document of the workspace; asked again with the same champion, the task finds it. A
    rejection does not fail the task, and is noted in the drop's ledger.
    Returns a `GateResult`.

    :param candidate: the output of the task that deployed the candidate, or the name of that service.
    :param service: the live service, by name; it need not exist yet.
    :param prepared: the output of the task that prepared the training data; names the holdout and the drop.
    :param holdout: without `prepared`, the dataset whose rows judge (a name, or a register task's output).
    :param holdout_version: its version when a name was given (default the latest).
    :param label_column_name: without `prepared`, the label of the holdout.
    :param primary_metric: what is compared (default `AUC_weighted`).
    :param min_metric: the least that any challenger must reach (default: any).
    :param rule: `not_worse` (default), `better` or `point`.
    :param tolerance: how much worse the primary metric may be (default 0.01).
    :param confidence: of the intervals (default 0.95).
    :param bootstrap_samples: resamples for the intervals (default 1000).
    :param min_holdout_rows: rows without which nothing is decided in favour of a challenger (default 50).
    :param max_holdout_rows: of more rows a random part is scored (default 20,000).
    :param cohort_columns: columns to make cohorts of (default: those with few values, and bands of numbers).
    :param cohort_tolerance: how much worse the challenger may be in a cohort (default 0.05; None looks at none).
    :param cohort_min_rows: rows that a cohort must have (default 30).
    :param max_p95_ms: greatest 95th percentile of the latency (default: any).
    :param max_p95_ratio: greatest ratio to the champion's (default 2; None asks for none).
    :param p95_slack_ms: a difference below it passes, whatever the ratio (default 5).
    :param max_error_rate: greatest share of failed requests, 0 to 1 (default 0).
    :param requests: requests to each service (default 200).
    :param concurrency: requests at a time (default 2).
    :param allow_older: whether a model of older data may replace a newer one (default false).
    :param allow_contract_change: whether the candidate may take other columns than clients send now (default false).
    :param seed: of the resamples (default 42).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "candidate",
        "service",
        "prepared",
        "holdout",
        "holdout_version",
        "label_column_name",
        *GATE_FIELDS,
    )
    operator_extra_links = (AzureMLDecisionLink(),)

    def __init__(
        self,
        *,
        candidate: Any,
        service: Any,
        prepared: Any = None,
        holdout: Any = None,
        holdout_version: int | str | None = None,
        label_column_name: str | None = None,
        primary_metric: str = "AUC_weighted",
        min_metric: float | str | None = None,
        rule: str = "not_worse",
        tolerance: float | str = 0.01,
        confidence: float | str = 0.95,
        bootstrap_samples: int | str = 1000,
        min_holdout_rows: int | str = 50,
        max_holdout_rows: int | str = 20_000,
        cohort_columns: Sequence[str] | str = (),
        cohort_tolerance: float | str | None = 0.05,
        cohort_min_rows: int | str = 30,
        max_p95_ms: float | str | None = None,
        max_p95_ratio: float | str | None = 2.0,
        p95_slack_ms: float | str = 5.0,
        max_error_rate: float | str = 0.0,
        requests: int | str = 200,
        concurrency: int | str = 2,
        allow_older: bool | str = False,
        allow_contract_change: bool | str = False,
        seed: int | str = 42,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.candidate = candidate
        self.service = service
        self.prepared = prepared
        self.holdout = holdout
        self.holdout_version = holdout_version
        self.label_column_name = label_column_name
        self.primary_metric = primary_metric
        self.min_metric = min_metric
        self.rule = rule
        self.tolerance = tolerance
        self.confidence = confidence
        self.bootstrap_samples = bootstrap_samples
        self.min_holdout_rows = min_holdout_rows
        self.max_holdout_rows = max_holdout_rows
        self.cohort_columns = cohort_columns
        self.cohort_tolerance = cohort_tolerance
        self.cohort_min_rows = cohort_min_rows
        self.max_p95_ms = max_p95_ms
        self.max_p95_ratio = max_p95_ratio
        self.p95_slack_ms = p95_slack_ms
        self.max_error_rate = max_error_rate
        self.requests = requests
        self.concurrency = concurrency
        self.allow_older = allow_older
        self.allow_contract_change = allow_contract_change
        self.seed = seed

    def perform(self, context: Context) -> GateResult:
        """Check, measure, decide, note."""
        from azureml_gate.decide import decide
        from azureml_gate.outcomes import note_decision

        request = self._request(context)
        AzureMLDecisionLink().push(self, context, request.challenger.name)
        workspace = self.hook.workspace
        decision = decide(workspace, request, key_of=self.hook.scoring_key)
        self._tell(decision)
        note_decision(workspace, decision)
        return gate_result(decision)

    def _request(self, context: Context) -> GateRequest:
        from azureml_gate.decision import GateRequest, Versioned

        candidate, live = service_name(self.candidate), service_name(self.service)
        settings = gate_settings(self)
        prepared = Prepared.of(self.prepared)
        holdout, label = self._holdout(prepared)
        if candidate == live:
            raise InvalidRequest(f"candidate and service are both {live!r}; a service cannot replace itself.")
        workspace = self.hook.workspace
        dataset = workspace.get_dataset(holdout.name, holdout.version)
        served = workspace.get_service(candidate)
        return GateRequest(
            service=live,
            candidate_service=candidate,
            challenger=Versioned(name=served.model_name, version=served.model_version),
            holdout=Versioned(name=dataset.name, version=dataset.version),
            label=label,
            settings=settings,
            drop_dataset="" if prepared is None else prepared.dataset,
            drop_key="" if prepared is None else prepared.drop_key,
            by=name_of_run(context),
        )

    def _holdout(self, prepared: Prepared | None) -> tuple[Reference, str]:
        """What judges, and its label. :raises InvalidRequest: it is named twice, or not at all."""
        given = not arguments.is_absent(self.holdout)
        if given == (prepared is not None):
            raise InvalidRequest(
                "the holdout is named by prepared (the preparing task's output) or by holdout and label_column_name, "
                f"and {'both are' if given else 'neither is'} given; give one of them."
            )
        if prepared is not None:
            return prepared.holdout, prepared.label
        return (
            dataset_reference(self.holdout, self.holdout_version),
            arguments.text("label_column_name", self.label_column_name),
        )

    def _tell(self, decision: DecisionRecord) -> None:
        for check in decision.checks:
            say = self.log.error if check.outcome == "failed" else self.log.info
            say("%s: %s. %s", check.outcome, check.name, check.detail)
        for warning in decision.warnings:
            self.log.warning("%s", warning)
        self.log.info("%s: %s (%s)", decision.verdict.value.upper(), decision.reason, decision.path)
