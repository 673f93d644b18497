"""The end of `make run`: the result table, what the data guard saw, and the line that scores the sample."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.run.layout import Layout
from scripts.run.outcomes import milliseconds

_METRICS = (
    "AUC_weighted",
    "accuracy",
    "norm_macro_recall",
    "average_precision_score_weighted",
    "precision_score_weighted",
    "log_loss",
)
"""Those a person compares; all of them are in last_run.json."""


def curl_line(layout: Layout, service: str, scoring_uri: str) -> str:
    """A command to paste into a shell that stands in the checkout. The shell fetches the key; it is never shown."""
    python = layout.shown(layout.local / "venv" / "bin" / "python")
    # The folder is named, because the shell may have an AZUREML_LOCAL_HOME that leads elsewhere.
    home = shlex.quote(layout.shown(layout.azureml_home))
    keys = f"$({python} -m azureml_local keys --home {home} {shlex.quote(service)})"
    body = shlex.quote("@" + layout.shown(layout.sample_request))
    return (
        f"curl -s {shlex.quote(scoring_uri)} \\\n"
        f'  -H "Authorization: Bearer {keys}" \\\n'
        f'  -H "Content-Type: application/json" -d {body}'
    )


def result_table(run: Mapping[str, Any]) -> Table:
    """The content of last_run.json as a table; what was not reached is left out."""
    table = Table(box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(run):
        table.add_row(name, Text(value))
    return table


def print_findings(console: Console, findings: Sequence[Mapping[str, Any]], total: int) -> None:
    """What the data guard noticed, gravest first."""
    worth = [finding for finding in findings if finding["severity"] != "info"]
    if not worth:
        return
    console.print("[bold]Data guard[/bold]")
    for finding in worth:
        console.print(Text(f"  {finding['severity']}: {finding['message']}", "yellow"))
    if total > len(findings):
        console.print(Text(f"  and {total - len(findings)} more, in the run's file outputs/data_guard.json", "dim"))
    console.print()


def _rows(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if dataset := run["dataset"]:
        rows.append(("dataset", f"{dataset['name']} version {dataset['version']}, {dataset['rows']:,} rows"))
    if automl := run["automl"]:
        rows.append(("best model", f"{automl['best_algorithm']}, out of {automl['child_runs']} child runs"))
        rows += [(f"  {name}", f"{automl['metrics'][name]:.4f}") for name in _METRICS if name in automl["metrics"]]
        rows.append(("  validated by", automl["validation"]))
    if model := run["model"]:
        rows.append(("model", f"{model['name']} version {model['version']}"))
    if service := run["service"]:
        insights = "on" if service["app_insights_enabled"] else "off"
        rows.append(("web service", f"{service['name']}, {service['state']}, Application Insights {insights}"))
        rows.append(("  scoring URI", service["scoring_uri"]))
        rows.append(("  swagger", service["swagger_uri"]))
    if smoke := run["smoke"]:
        passed = sum(check["passed"] for check in smoke["checks"])
        rows.append(("smoke score", f"{passed} of {len(smoke['checks'])} checks passed"))
    if benchmark := run["benchmark"]:
        rows += _benchmark_rows(benchmark)
    rows.append(("time", _times(run["seconds"])))
    return rows


def _benchmark_rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    latencies = ", ".join(f"{name} {milliseconds(figures[f'{name}_ms'])}" for name in ("mean", "p50", "p95", "p99"))
    load = f"{figures['requests']:,} requests, {figures['concurrency']} at once, {figures['failed']} failed"
    return [
        ("benchmark", f"{load}, {figures['requests_per_second']:,.0f} requests/s"),
        ("  latency", latencies),
    ]


def _times(seconds: Mapping[str, float | None]) -> str:
    automl = seconds["automl_run"]
    total = seconds["total"] or 0.0
    return f"{total:.1f} s" if automl is None else f"{total:.1f} s, of which AutoML {automl:.1f} s"
