"""Load a web service and hold the figures against thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import service_name
from airflow_azureml._sample_rows import RowSource
from airflow_azureml._waiting import TaskStopped
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import BenchmarkResult, ThresholdResult
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_endpoint.load import LoadReport

_PERCENT = {"max_p95_ms": 95, "max_p99_ms": 99}


class AzureMLBenchmarkEndpointOperator(AzureMLBaseOperator):
    """Send many requests and measure: the figures that `ab` prints, and pass or fail per threshold.

    The task fails when a threshold is broken. Returns a `BenchmarkResult`.

    :param service: the deploy task's output, or the name of a web service.
    :param requests: requests to send (default 1000).
    :param concurrency: connections at once (default 1), at most one per request.
    :param rows: the rows of each request; `dataset`, `label_column_name` and `row_count` as for the smoke test.
        With neither the example of the service's own contract is sent.
    :param max_p50_ms: greatest median latency (default: any).
    :param max_p95_ms: greatest 95th percentile (default: any); needs 200 requests to mean something.
    :param max_p99_ms: greatest 99th percentile (default: any); needs 1000 requests.
    :param max_error_rate: greatest share of failed requests, 0 to 1 (default 0).
    :param min_requests_per_second: least throughput (default: any).
    :param warmup: requests before measuring starts (default 20).
    :param timeout: seconds for each request (default 10).
    :param time_limit: seconds for the whole test (default 600).
    :param keep_alive: keep connections open (default); false opens one for each request, as `ab` does.
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "service",
        "requests",
        "concurrency",
        "rows",
        "dataset",
        "label_column_name",
        "row_count",
        "max_p50_ms",
        "max_p95_ms",
        "max_p99_ms",
        "max_error_rate",
        "min_requests_per_second",
        "warmup",
        "timeout",
        "time_limit",
        "keep_alive",
    )

    def __init__(
        self,
        *,
        service: Any,
        requests: int | str = 1000,
        concurrency: int | str = 1,
        rows: Any = None,
        dataset: Any = None,
        label_column_name: str | None = None,
        row_count: int | str = 2,
        max_p50_ms: float | str | None = None,
        max_p95_ms: float | str | None = None,
        max_p99_ms: float | str | None = None,
        max_error_rate: float | str | None = 0.0,
        min_requests_per_second: float | str | None = None,
        warmup: int | str = 20,
        timeout: float | str = 10,
        time_limit: float | str = 600,
        keep_alive: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.requests = requests
        self.concurrency = concurrency
        self.rows = rows
        self.dataset = dataset
        self.label_column_name = label_column_name
        self.row_count = row_count
        self.max_p50_ms = max_p50_ms
        self.max_p95_ms = max_p95_ms
        self.max_p99_ms = max_p99_ms
        self.max_error_rate = max_error_rate
        self.min_requests_per_second = min_requests_per_second
        self.warmup = warmup
        self.timeout = timeout
        self.time_limit = time_limit
        self.keep_alive = keep_alive
        self._loading = False

    def perform(self, context: Context) -> BenchmarkResult:  # noqa: ARG002
        """Check, load, judge."""
        name = service_name(self.service)
        source = RowSource.of(
            rows=self.rows, dataset=self.dataset, label_column_name=self.label_column_name, count=self.row_count
        )
        limits = self._limits()
        load = self._load()

        from azureml_endpoint.load import run_load
        from azureml_endpoint.thresholds import check_thresholds
        from azureml_endpoint.wire import encode_request

        workspace = self.hook.workspace
        service = workspace.get_service(name)
        key = self.hook.scoring_key(service)
        rows = source.read(workspace, service, key)
        self.log.info("Sending %d requests of %d rows, %d at a time.", load["requests"], len(rows), load["concurrency"])
        self._loading = True
        try:
            report = run_load(service.scoring_uri, key, encode_request(rows), **load)
        finally:
            self._loading = False
        _log_figures(self.log, report)
        judged = check_thresholds(report, **limits)
        thresholds = tuple(
            ThresholdResult(name=t.name, limit=t.limit, observed=t.observed, passed=t.passed) for t in judged
        )
        _require_made(name, report)
        broken = [threshold.detail for threshold in judged if not threshold.passed]
        if broken:
            raise AirflowFailException(
                f"web service {name} broke {len(broken)} of {len(judged)} thresholds: {'; '.join(broken)}"
                f"{_failures(report)}"
            )
        return _summary(name, report, len(rows), thresholds)

    def on_kill(self) -> None:
        """Stop the load test: the exception goes through the waiting code, which ends the generator."""
        super().on_kill()
        if self._loading:
            raise TaskStopped("stopped while the load test ran.")

    def _limits(self) -> dict[str, float | None]:
        """Thresholds by the name `check_thresholds` gives them.

        :raises InvalidRequest: one is not a limit, or there are too few requests for a percentile.
        """
        limits = {
            name: arguments.optional(arguments.number, name, getattr(self, name))
            for name in ("max_p50_ms", "max_p95_ms", "max_p99_ms", "max_error_rate", "min_requests_per_second")
        }
        for name, limit in limits.items():
            if limit is not None and limit < 0:
                raise InvalidRequest(f"{name} is {limit:g}; give 0 or more.")
        if (limits["max_error_rate"] or 0) > 1:
            raise InvalidRequest(f"max_error_rate is {limits['max_error_rate']:g}; give a share between 0 and 1.")
        require_samples(arguments.integer("requests", self.requests), limits)
        return {name.removeprefix("max_"): limit for name, limit in limits.items()}

    def _load(self) -> dict[str, Any]:
        """How to load, checked."""
        load: dict[str, Any] = {
            name: arguments.integer(name, getattr(self, name)) for name in ("requests", "concurrency", "warmup")
        }
        load |= {name: arguments.number(name, getattr(self, name)) for name in ("timeout", "time_limit")}
        load["keep_alive"] = arguments.flag("keep_alive", self.keep_alive)
        for name, least in (("requests", 1), ("concurrency", 1), ("warmup", 0)):
            if load[name] < least:
                raise InvalidRequest(f"{name} is {load[name]}; it must be at least {least}.")
        load["concurrency"] = min(load["concurrency"], load["requests"])
        return load


def require_samples(requests: int, limits: Mapping[str, float | None]) -> None:
    """Whether as many requests are enough for the percentiles among the limits (`max_p95_ms`, `max_p99_ms`).

    :raises InvalidRequest: they are too few for one that is limited.
    """
    from azureml_endpoint.load import samples_needed

    for name, percent in _PERCENT.items():
        if limits.get(name) is not None and requests < samples_needed(percent):
            raise InvalidRequest(
                f"{name} is set and requests is {requests}; a {percent}th percentile means something from "
                f"{samples_needed(percent)} requests on. Send more, or leave {name} out."
            )


def _log_figures(log: Any, report: LoadReport) -> None:
    log.info(
        "%d requests, %d failed, concurrency %d, %.1f s: %.0f requests/s, mean %s, p50 %s, p95 %s, p99 %s.",
        report.requests,
        report.failed,
        report.concurrency,
        report.seconds,
        report.requests_per_second,
        *(_ms(value) for value in (report.mean_ms, report.p50_ms, report.p95_ms, report.p99_ms)),
    )


def _ms(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f} ms"


def _failures(report: LoadReport) -> str:
    kinds = "; ".join(f"{error.message} ({error.count} times)" for error in report.errors[:3])
    return f". Failures: {kinds}" if kinds else ""


def _require_made(name: str, report: LoadReport) -> None:
    """A test that ended early has no figures to judge; the service may be back for the next try."""
    if report.stopped:
        raise ServiceUnavailable(
            f"the load test of {name} ended after {report.requests} of {report.asked} requests: {report.stopped}"
            f"{_failures(report)}"
        )


def _summary(name: str, report: LoadReport, rows: int, thresholds: tuple[ThresholdResult, ...]) -> BenchmarkResult:
    return BenchmarkResult(
        name=name,
        requests=report.requests,
        failed=report.failed,
        concurrency=report.concurrency,
        mean_ms=report.mean_ms,
        min_ms=report.min_ms,
        p50_ms=report.p50_ms,
        p95_ms=report.p95_ms,
        p99_ms=report.p99_ms,
        max_ms=report.max_ms,
        requests_per_second=report.requests_per_second,
        seconds=report.seconds,
        rows_per_request=rows,
        thresholds=thresholds,
        histogram=tuple((bucket.upper_ms, bucket.count) for bucket in report.histogram),
    )
