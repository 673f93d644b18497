"""A load report for people, in the words that `ab` (Apache's HTTP benchmark) prints."""

from __future__ import annotations

from collections.abc import Sequence

from azureml_endpoint.load import LoadReport
from azureml_endpoint.thresholds import ThresholdResult

BAR_WIDTH = 40


def format_report(report: LoadReport, thresholds: Sequence[ThresholdResult] = ()) -> str:
    """The report as lines of text, with no trailing newline."""
    blocks = [_facts(report), _percentiles(report), _histogram(report), _failures(report), _thresholds(thresholds)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _facts(report: LoadReport) -> list[str]:
    rate = report.bytes / 1024 / report.seconds if report.seconds > 0 else 0.0
    facts = [
        ("Scoring URI", report.scoring_uri),
        ("Concurrency Level", f"{report.concurrency} ({'keep-alive' if report.keep_alive else 'new connections'})"),
        ("Time taken for tests", f"{report.seconds:.3f} seconds"),
        ("Complete requests", f"{report.requests}" if not report.stopped else f"{report.requests} of {report.asked}"),
        ("Failed requests", f"{report.failed}"),
        ("Warm-up requests", f"{report.warmup_requests} (not counted; {report.warmup_failed} failed)"),
        ("Total transferred", f"{report.bytes} bytes of answers"),
        ("Requests per second", f"{report.requests_per_second:.2f} [#/sec] (successful)"),
        ("Time per request", f"{_ms(report.mean_ms)} [ms] (mean)"),
        ("Transfer rate", f"{rate:.2f} [Kbytes/sec] received"),
    ]
    lines = [f"{name + ':':<24}{value}" for name, value in facts]
    if report.stopped:
        lines.append(f"{'Ended early:':<24}{report.stopped}")
    return lines


def _percentiles(report: LoadReport) -> list[str]:
    if report.p50_ms is None:
        return []
    lines = [
        f"Latency (ms): min {_ms(report.min_ms)}, mean {_ms(report.mean_ms)}, sd {_ms(report.stdev_ms)}, "
        f"median {_ms(report.p50_ms)}, max {_ms(report.max_ms)}",
        "",
        "Percentage of the requests served within a certain time (ms)",
    ]
    for percent, value in report.percentiles.items():
        note = " (longest request)" if percent == "100" else ""
        shown = _ms(value) if value is not None else report.unmeasured.get(f"p{percent}_ms", "not measured")
        lines.append(f"  {percent + '%':<6}{shown:>9}{note}")
    return lines


def _histogram(report: LoadReport) -> list[str]:
    most = max((bucket.count for bucket in report.histogram), default=0)
    if not most:
        return []
    lines = ["Distribution (ms)"]
    for bucket in report.histogram:
        bound = "longer" if bucket.upper_ms is None else f"<= {bucket.upper_ms:g}"
        bar = "#" * round(BAR_WIDTH * bucket.count / most)
        lines.append(f"  {bound:<12}{bucket.count:>9}  {bar}".rstrip())
    return lines


def _failures(report: LoadReport) -> list[str]:
    if not report.failed:
        return []
    by_status = ", ".join(f"HTTP {status}: {count}" for status, count in report.by_status.items())
    lines = [f"Failures ({by_status})" if by_status else "Failures"]
    return lines + [f"  {error.count:>7} x {error.message}" for error in report.errors]


def _thresholds(thresholds: Sequence[ThresholdResult]) -> list[str]:
    if not thresholds:
        return []
    return ["Thresholds"] + [f"  {'pass' if item.passed else 'FAIL'}  {item.detail}" for item in thresholds]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
