"""Watch a web service: drift of its inputs, errors and latency, and how good its model still is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._dag_runs import name_of_run
from airflow_azureml._references import service_name
from airflow_azureml.after_deployment_results import MAX_COLUMNS, MonitorResult
from airflow_azureml.links import AzureMLServiceLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import VersionResult, short_text
from azureml_monitoring.retraining import RetrainingPlan
from azureml_monitoring.settings import MonitorSettings
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_monitoring.record import MonitorRecord


class AzureMLMonitorServiceOperator(AzureMLBaseOperator):
    """Compare what clients send with the training data of the model that serves, look at errors and latency, and hold
    the model's metric on the newest labelled holdout to a floor. Changes nothing; the verdict fails no task.

    Every look is kept, with all figures, as the document `monitoring/{service}/{time}`. Inputs are there while
    Application Insights is on and the deployment has `collect_inputs`. Returns a `MonitorResult`.

    :param service: the deploy task's output, or the name of a web service.
    :param window_hours: how far to look back (default 24).
    :param min_rows: sampled rows below which nothing is said of drift (default 200).
    :param max_rows: the newest sampled rows that are compared (default 2000).
    :param max_psi: greatest population stability index of a column (default 0.25; none: any).
    :param max_ks: greatest Kolmogorov-Smirnov statistic of a column of numbers (default 0.3; none: any).
    :param max_null_increase: by how much a column's share of nulls may grow (default 0.1; none: any).
    :param ignore_columns: columns that may drift (default none).
    :param min_requests: requests below which nothing is said of errors and latency (default 20).
    :param max_error_rate: greatest share of answers of 500 and above (default 0.01; none: any).
    :param max_refused_rate: greatest share of answers of 400 to 499 (default: any).
    :param max_p95_ms: greatest 95th percentile (default: any).
    :param metric: the metric of the floor (default: the primary metric of the gate's decision).
    :param min_metric: its floor (default: none).
    :param retrain_dag_id: the DAG that is to be triggered on drift or below the floor (default: none). The operator
        decides and notes it; a `TriggerDagRunOperator` behind it triggers the run that the result names.
    :param retrain_conf: its configuration, a mapping or JSON (default none).
    :param retrain_cooldown_hours: for how long after one training no other is asked for (default 24).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "service",
        "window_hours",
        "min_rows",
        "max_rows",
        "max_psi",
        "max_ks",
        "max_null_increase",
        "ignore_columns",
        "min_requests",
        "max_error_rate",
        "max_refused_rate",
        "max_p95_ms",
        "metric",
        "min_metric",
        "retrain_dag_id",
        "retrain_conf",
        "retrain_cooldown_hours",
    )
    operator_extra_links = (AzureMLServiceLink(),)

    def __init__(
        self,
        *,
        service: Any,
        window_hours: float | str = 24,
        min_rows: int | str = 200,
        max_rows: int | str = 2000,
        max_psi: float | str | None = 0.25,
        max_ks: float | str | None = 0.3,
        max_null_increase: float | str | None = 0.1,
        ignore_columns: Sequence[str] | str | None = None,
        min_requests: int | str = 20,
        max_error_rate: float | str | None = 0.01,
        max_refused_rate: float | str | None = None,
        max_p95_ms: float | str | None = None,
        metric: str | None = None,
        min_metric: float | str | None = None,
        retrain_dag_id: str | None = None,
        retrain_conf: Mapping[str, Any] | str | None = None,
        retrain_cooldown_hours: float | str = 24,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.window_hours = window_hours
        self.min_rows = min_rows
        self.max_rows = max_rows
        self.max_psi = max_psi
        self.max_ks = max_ks
        self.max_null_increase = max_null_increase
        self.ignore_columns = ignore_columns
        self.min_requests = min_requests
        self.max_error_rate = max_error_rate
        self.max_refused_rate = max_refused_rate
        self.max_p95_ms = max_p95_ms
        self.metric = metric
        self.min_metric = min_metric
        self.retrain_dag_id = retrain_dag_id
        self.retrain_conf = retrain_conf
        self.retrain_cooldown_hours = retrain_cooldown_hours

    def perform(self, context: Context) -> MonitorResult:
        """Look, judge, keep, tell."""
        name, settings, plan = service_name(self.service), self._settings(), self._plan()
        settings.validate()
        AzureMLServiceLink().push(self, context, name)

        from azureml_monitoring.watch import watch

        by = name_of_run(context)
        record = watch(self.hook.workspace, name, settings, plan=plan, by=by)
        self._tell(record)
        return _result(record)

    def _tell(self, record: MonitorRecord) -> None:
        self.log.info("%s serves %s version %d.", record.service, record.model.name, record.model.version)
        for check in record.checks:
            say = self.log.warning if check.outcome == "failed" else self.log.info
            say("%s %s: %s", check.name, check.outcome, check.detail)
        self.log.info("Verdict on %s: %s. %s Kept as %s.", record.service, record.verdict, record.reason, record.path)

    def _settings(self) -> MonitorSettings:
        def number(name: str) -> float | None:
            return arguments.optional(arguments.number, name, getattr(self, name))

        return MonitorSettings(
            window_hours=arguments.number("window_hours", self.window_hours),
            min_rows=arguments.integer("min_rows", self.min_rows),
            max_rows=arguments.integer("max_rows", self.max_rows),
            max_psi=number("max_psi"),
            max_ks=number("max_ks"),
            max_null_increase=number("max_null_increase"),
            ignore_columns=arguments.names("ignore_columns", self.ignore_columns),
            min_requests=arguments.integer("min_requests", self.min_requests),
            max_error_rate=number("max_error_rate"),
            max_refused_rate=number("max_refused_rate"),
            max_p95_ms=number("max_p95_ms"),
            metric=arguments.optional(arguments.text, "metric", self.metric),
            min_metric=number("min_metric"),
        )

    def _plan(self) -> RetrainingPlan | None:
        dag_id = arguments.optional(arguments.text, "retrain_dag_id", self.retrain_dag_id)
        conf = arguments.mapping("retrain_conf", self.retrain_conf)
        hours = arguments.number("retrain_cooldown_hours", self.retrain_cooldown_hours)
        if hours < 0:
            raise InvalidRequest(f"retrain_cooldown_hours is {hours:g}; give 0 or more.")
        return None if dag_id is None else RetrainingPlan(dag_id=dag_id, conf=conf, cooldown_hours=hours)


def _result(record: MonitorRecord) -> MonitorResult:
    errors = {check.name: check.observed for check in record.checks}
    asked = record.retraining if record.retraining is not None and record.retraining.is_asked else None
    return MonitorResult(
        service=record.service,
        model=VersionResult(name=record.model.name, version=record.model.version),
        verdict=record.verdict.value,
        reason=short_text(record.reason),
        document=record.path,
        requests=record.requests.count,
        sampled_rows=record.sampled_rows,
        drifted=record.drifted[:MAX_COLUMNS],
        drifted_count=len(record.drifted),
        error_rate=errors.get("error rate"),
        p95_ms=record.requests.p95_ms,
        metric_name=record.metric_name,
        metric=record.metric,
        retrain=asked is not None,
        retrain_dag_id="" if asked is None else asked.dag_id,
        retrain_run_id="" if asked is None else asked.run_id,
    )
