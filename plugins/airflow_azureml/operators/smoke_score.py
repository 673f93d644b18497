"""Score sample rows with a web service and check that it keeps its contract."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import service_name
from airflow_azureml._sample_rows import RowSource
from airflow_azureml._waiting import Patience, WaitTimeout, wait_until
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import CheckResult, SmokeResult, short_labels, short_text
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_endpoint.smoke import SmokeReport
    from azureml_workspace.records import WebService


class AzureMLSmokeScoreOperator(AzureMLBaseOperator):
    """Smoke-test a web service: contract, labels, probabilities, refusals, and that telemetry saw it.

    The task fails when a check fails. Returns a `SmokeResult`.

    :param service: the deploy task's output, or the name of a web service.
    :param rows: rows to score, each an object of column and value, without the label.
    :param dataset: a dataset to take the rows from (the register task's output, or a name), instead of `rows`.
        With neither the example of the service's own contract is scored.
    :param label_column_name: the label of the dataset, which is left out of the rows.
    :param row_count: rows to take (default 2).
    :param expected_labels: the labels the rows must get (default: any the model knows).
    :param classes: the labels the model knows (default: those the service's contract lists).
    :param max_latency_ms: slowest answer that passes (default: any).
    :param timeout: seconds for each request (default 30).
    :param telemetry_timeout: seconds within which telemetry must have seen the request, when it is on (default: what
        the connection's backend needs; 30 with the local Azure ML, 600 with Azure).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "service",
        "rows",
        "dataset",
        "label_column_name",
        "row_count",
        "expected_labels",
        "classes",
        "max_latency_ms",
        "timeout",
        "telemetry_timeout",
    )

    def __init__(
        self,
        *,
        service: Any,
        rows: Any = None,
        dataset: Any = None,
        label_column_name: str | None = None,
        row_count: int | str = 2,
        expected_labels: Sequence[Any] | None = None,
        classes: Sequence[Any] | None = None,
        max_latency_ms: float | str | None = None,
        timeout: float | str = 30,
        telemetry_timeout: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.rows = rows
        self.dataset = dataset
        self.label_column_name = label_column_name
        self.row_count = row_count
        self.expected_labels = expected_labels
        self.classes = classes
        self.max_latency_ms = max_latency_ms
        self.timeout = timeout
        self.telemetry_timeout = telemetry_timeout

    def perform(self, context: Context) -> SmokeResult:  # noqa: ARG002
        """Check, score, look at the telemetry."""
        name = service_name(self.service)
        source = RowSource.of(
            rows=self.rows, dataset=self.dataset, label_column_name=self.label_column_name, count=self.row_count
        )
        timeout = arguments.number("timeout", self.timeout)
        telemetry_timeout = arguments.optional(arguments.number, "telemetry_timeout", self.telemetry_timeout)
        max_latency = arguments.optional(arguments.number, "max_latency_ms", self.max_latency_ms)
        expected, classes = _labels("expected_labels", self.expected_labels), _labels("classes", self.classes)

        from azureml_endpoint.smoke import smoke_check

        workspace = self.hook.workspace
        service = workspace.get_service(name)
        key = self.hook.scoring_key(service)
        rows = source.read(workspace, service, key)
        started = time.monotonic()
        report = smoke_check(
            service.scoring_uri,
            key,
            rows,
            expected_labels=expected,
            classes=classes,
            swagger_uri=service.swagger_uri,
            auth_enabled=service.auth_enabled,
            timeout=timeout,
        )
        checks = [CheckResult(name=c.name, passed=c.passed, detail=short_text(c.detail)) for c in report.checks]
        if max_latency is not None and report.latency_ms is not None:
            checks.append(_latency_check(report.latency_ms, max_latency))
        if service.app_insights_enabled and report.scored:
            checks.append(self._telemetry_check(service, report.scored, started, telemetry_timeout))
        for check in checks:
            if check.passed:
                self.log.info("passed: %s (%s)", check.name, check.detail)
            else:
                self.log.error("FAILED: %s (%s)", check.name, check.detail)
        _require_passed(name, checks, report)
        return SmokeResult(
            name=name,
            labels=short_labels(report.labels),
            labels_count=len(report.labels),
            latency_ms=report.latency_ms,
            checks=tuple(checks),
        )

    def _telemetry_check(self, service: WebService, scored: int, started: float, given: float | None) -> CheckResult:
        """Whether telemetry has as many requests of this time as the test had scored.

        It is written in batches, so they show up a little later. It does not tell whose a request was: those of other
        clients count too, and the detail says no more than what was seen.
        """
        workspace, delay = self.hook.workspace, self.hook.telemetry_delay
        timeout = delay.longest if given is None else given
        self.log.info("Waiting until telemetry shows the test's requests, for up to %g s.", timeout)
        try:
            summary = wait_until(
                lambda: workspace.service_requests(service.name, since_seconds=time.monotonic() - started + 1),
                lambda seen: seen.count >= scored,
                what=f"telemetry of {service.name}",
                patience=Patience(poll=delay.poll, deadline=timeout, outage=timeout),
                log=self.log,
                stopped=self.was_killed,
            )
        except WaitTimeout:
            return CheckResult(
                name="telemetry",
                passed=False,
                detail=f"{timeout:g} s after the test, telemetry has fewer than the {scored} requests it had scored",
            )
        detail = f"{summary.count} requests recorded since the test began, whoever sent them; it had {scored} scored"
        return CheckResult(name="telemetry", passed=True, detail=detail)


def _labels(name: str, value: Any) -> list[Any] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidRequest(f"{name} is {value!r}; give a list of labels.")
    return list(value) or None


def _latency_check(latency_ms: float, limit: float) -> CheckResult:
    return CheckResult(
        name="latency",
        passed=latency_ms <= limit,
        detail=f"answered in {latency_ms:.1f} ms, at most {limit:g} ms was asked for",
    )


def _require_passed(name: str, checks: Sequence[CheckResult], report: SmokeReport) -> None:
    failed = [check for check in checks if not check.passed]
    if not failed:
        return
    message = f"web service {name} failed {len(failed)} of {len(checks)} checks: " + "; ".join(
        f"{check.name}: {check.detail}" for check in failed
    )
    raise ServiceUnavailable(message) if report.unavailable else AirflowFailException(message)
