"""The end of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from scripts.run.layout import Layout
from scripts.run.progress import RunProgress
from scripts.run.report import curl_line, print_findings, result_table
from scripts.run.result import last_run

pytestmark = pytest.mark.unit


def console() -> Console:
    return Console(file=io.StringIO(), width=120, highlight=False)


def text_of(given: Console) -> str:
    assert isinstance(given.file, io.StringIO)
    return given.file.getvalue()


def test_curl_line_fetches_the_key_and_shows_none(tmp_path: Path) -> None:
    assert curl_line(Layout(tmp_path), "bank-marketing", "http://127.0.0.1:8800/score") == (
        "curl -s http://127.0.0.1:8800/score \\\n"
        '  -H "Authorization: Bearer '
        '$(.local/venv/bin/python -m azureml_local keys --home .local/azureml bank-marketing)" \\\n'
        '  -H "Content-Type: application/json" -d @.local/sample_request.json'
    )


def test_table_says_how_the_metrics_were_validated(successful_run: RunProgress) -> None:
    target = console()
    target.print(result_table(last_run(successful_run, dag_id="d", total_seconds=84.42)))
    text = text_of(target)
    for expected in (
        "bank-marketing version 1, 32,950 rows",
        "VotingEnsemble, out of 8 child runs",
        "5-fold cross-validation, out of fold, 32,950 rows",
        "http://127.0.0.1:8800/swagger.json",
        "Application Insights on",
        "p99 -",
        "84.4 s, of which AutoML 2.0 s",
    ):
        assert expected in text


def test_findings_worth_knowing() -> None:
    target = console()
    findings = [
        {"severity": "warning", "message": "column 'duration' alone predicts [the] label", "guard": "leakage"},
        {"severity": "info", "message": "all is well", "guard": "balance"},
    ]
    print_findings(target, findings, total=5)
    text = text_of(target)
    assert "warning: column 'duration' alone predicts [the] label" in text
    assert "all is well" not in text
    assert "and 3 more" in text


def test_no_findings_no_heading() -> None:
    target = console()
    print_findings(target, [], total=0)
    assert text_of(target) == ""
