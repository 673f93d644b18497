"""`python -m scripts.run`, which is what `make run` calls."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from azureml_endpoint.errors import EndpointError
from azureml_workspace.errors import Conflict, InvalidRequest, ServiceUnavailable, WorkspaceError
from azureml_workspace.settings import WorkspaceSettings
from scripts.run.airflow_process import AirflowProcess, RunFiles
from scripts.run.console import make_console
from scripts.run.data import RunData, obtain_data
from scripts.run.display import make_display
from scripts.run.events import RunEnded
from scripts.run.follow import follow
from scripts.run.layout import Layout
from scripts.run.local_server import find_local_server, start_local_server
from scripts.run.options import RunOptions
from scripts.run.progress import DAG_ID, RunProgress
from scripts.run.report import curl_line, print_findings, result_table
from scripts.run.result import last_run, write_json
from scripts.run.run_report import write_run_report
from scripts.run.running_airflow import RunningAirflow
from scripts.run.sample_request import write_sample_request
from scripts.run.source import RunSource
from scripts.up.airflow_api import AirflowApi
from scripts.up.login import USER, ensure_password
from scripts.up.state import UpFiles

EXIT_CANCELED = 130


@contextmanager
def only_run(layout: Layout) -> Iterator[None]:
    """One `make run` per checkout at a time: two would take each other's DAG run for an abandoned one.

    :raises Conflict: another one is at work.
    """
    layout.local.mkdir(parents=True, exist_ok=True)
    with (layout.local / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "another `make run` of this checkout is at work, or a `make up` starts; wait for it, or stop it there."
            ) from error
        yield


class MakeRun:
    """One run, from its options to its report."""

    def __init__(self, layout: Layout, options: RunOptions, console: Console) -> None:
        self._layout = layout
        self._options = options
        self._console = console
        self._started = time.monotonic()
        self._data: RunData | None = None
        self._workspace: WorkspaceSettings | None = None
        self._up = UpFiles(layout).running()

    def execute(self) -> int:
        """The exit code: 0 when the DAG run succeeded and its web service answers."""
        self._layout.last_run.unlink(missing_ok=True)  # whatever ends this run, no program takes the last one's for it
        source = self._source()
        try:
            run = self._prepare_and_follow(source)
        finally:
            source.end()
        if run.state == "success":
            self._write_sample_request(run)
        content = last_run(run, dag_id=DAG_ID, total_seconds=time.monotonic() - self._started)
        write_json(self._layout.last_run, content)
        if run.state == "success":
            self._report_success(run, content)
            return 0
        self._report_failure(run, source)
        return EXIT_CANCELED if run.state == "canceled" else 1

    def _source(self) -> RunSource:
        """The Airflow that is up, else a process that loads one, which it does while the rest is made ready."""
        if self._up is None:
            return AirflowProcess(self._layout, RunFiles.create(self._layout))
        airflow = RunningAirflow(self._layout, AirflowApi(self._up.ports.ui_url, USER, ensure_password(self._layout)))
        self._console.print(Text(f"Airflow          {airflow.require_startable()}"), soft_wrap=True)
        return airflow

    def _prepare_and_follow(self, source: RunSource) -> RunProgress:
        try:
            server = start_local_server(self._layout) if self._up is None else find_local_server(self._layout)
            url = server.url
            self._console.print(Text(f"local Azure ML   {server.message}"))
            self._data = data = obtain_data(self._layout, self._options)
        except WorkspaceError as error:
            run = RunProgress()
            run.apply(RunEnded(state="failed", error=str(error)))
            return run
        self._show_data(data)
        source.give_plan(url, self._options.run_conf(data.path))
        self._workspace = workspace = WorkspaceSettings(url=url, token_file=str(self._layout.token_file))
        with make_display(self._console, self._started) as display:
            return follow(source, display, workspace)

    def _show_data(self, data: RunData) -> None:
        self._console.print(Text(f"data             {data.message}", "bold yellow" if data.is_generated else ""))

    def _write_sample_request(self, run: RunProgress) -> None:
        try:
            write_sample_request(self._layout, run.tasks["deploy"].result)
        except EndpointError as error:
            run.state, run.error = "failed", f"The web service does not answer any more: {error}"

    def _report_success(self, run: RunProgress, content: dict[str, Any]) -> None:
        console, layout = self._console, self._layout
        service = content["service"]
        console.print(result_table(content))
        if self._data is not None and self._data.is_generated:
            self._show_data(self._data)  # again: the first time has scrolled away, and the figures look real
            console.print()
        automl = run.tasks["automl_run"].result
        print_findings(console, automl["findings"], automl["findings_count"])
        self._report_in_full(run)
        console.print("[bold]Score the sample[/bold] (from this folder; the shell fetches the key):\n")
        # Not through the console, which would fold the line that is to be copied.
        print(curl_line(layout, service["name"], service["scoring_uri"]))
        console.print(
            f"\nThe web service goes on answering; `make down` stops everything. "
            f"The result for programs: {layout.shown(layout.last_run)}"
        )

    def _report_in_full(self, run: RunProgress) -> None:
        """The run's file; without it the run is as good."""
        if self._workspace is None:
            return
        try:
            path = write_run_report(self._layout, run, self._workspace)
        except (WorkspaceError, OSError) as error:
            self._console.print(Text(f"The report could not be written: {error}", "yellow"), soft_wrap=True)
            return
        self._console.print(Text(f"Report           {self._layout.shown(path)}"), soft_wrap=True)
        self._console.print()

    def _report_failure(self, run: RunProgress, source: RunSource) -> None:
        console = self._console
        console.print()
        if run.state == "canceled":
            console.print("[bold]Canceled.[/bold] What was registered and deployed before stays.")
        for task in run.failed_tasks() if run.state == "failed" else ():
            console.print(Text(f"{task.task_id} failed: {task.error or 'no reason was given'}", "bold red"))
        if run.error:
            console.print(Text(run.error, "bold red"))
        console.print(Text(source.where_to_look, "dim"), soft_wrap=True)


def main(arguments: Sequence[str]) -> int:
    """0: the DAG run succeeded. 1: it failed. 2: what was asked for cannot work. 130: canceled."""
    layout = Layout.here()
    try:
        options = RunOptions.parse(arguments)
        with only_run(layout):
            return MakeRun(layout, options, make_console()).execute()
    except (InvalidRequest, Conflict, ServiceUnavailable) as error:
        print(f"make run: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nCanceled before the DAG started.", file=sys.stderr)
        return EXIT_CANCELED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
