"""A DAG run as one HTML file: no script, no link to a server, for mail and archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_azureml.ui.templating import render

if TYPE_CHECKING:
    from airflow_azureml.ui.views.dag_run import DagRunView


def report_html(details: DagRunView) -> str:
    """The file's text."""
    return render("dag_run.html", pages="", airflow="", standalone=True, **details.given)
