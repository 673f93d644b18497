"""The commands that look at what is there."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from azureml_local.azure_api.environment import read_environment
from azureml_local.cli.console import NOT_RUNNING, OK, Command, complain, connect, no_arguments, say
from azureml_local.paths import Home
from azureml_local.server.instance import ServerInfo
from azureml_local.store.pipeline_run_records import PIPELINE_RUN
from azureml_workspace.records import AutoMLProgress, PublishedPipeline, RequestSummary, Run, StepRun, WebService
from azureml_workspace.statuses import PipelineStatus


def _service_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", help="name of the web service")


def _logs_arguments(parser: argparse.ArgumentParser) -> None:
    _service_argument(parser)
    parser.add_argument("--tail", type=int, default=200, help="how many lines (default: %(default)s)")


def _requests_arguments(parser: argparse.ArgumentParser) -> None:
    _service_argument(parser)
    parser.add_argument("--since-minutes", type=float, help="only the last minutes (default: all that is kept)")


def _asks_server(answer: Callable[[Any, argparse.Namespace], None]) -> Callable[[Home, argparse.Namespace], int]:
    """A command that needs the running server."""

    def run(home: Home, options: argparse.Namespace) -> int:
        info = ServerInfo.read(home)
        if info is None:
            complain(f"local Azure ML is not running (state folder {home.root}); `python -m azureml_local start`")
            return NOT_RUNNING
        answer(connect(home, info), options)
        return OK

    return run


def _sdk_environment(home: Home, options: argparse.Namespace) -> int:  # noqa: ARG001
    info = ServerInfo.read(home)
    # A server that was killed leaves the file behind, and its ports to whoever comes next: to them, no secret is shown.
    variables = read_environment(home.azure_api) if info is not None and info.azureml_sdk is not None else None
    if variables is None:
        which = "is not running" if info is None else "that runs does not answer the Azure ML SDK"
        complain(f"the local Azure ML {which} (state folder {home.root}); start it with `serve --azureml-sdk`")
        return NOT_RUNNING
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")
    return OK


def _keys(server: Any, options: argparse.Namespace) -> None:
    say(server.json("POST", f"/v1/services/{quote(options.service, safe='')}/keys")["primary"])


def _logs(server: Any, options: argparse.Namespace) -> None:
    path = f"/v1/services/{quote(options.service, safe='')}/logs"
    say(server.json("GET", path, query={"tail": options.tail})["text"])


def _requests(server: Any, options: argparse.Namespace) -> None:
    since = None if options.since_minutes is None else options.since_minutes * 60
    path = f"/v1/services/{quote(options.service, safe='')}/requests"
    summary = RequestSummary.from_dict(server.json("GET", path, query={"since_seconds": since}))
    say(f"service            {summary.service_name}, Application Insights {'on' if summary.enabled else 'off'}")
    say(f"since              {_moment(summary.since) if summary.since else 'the first request kept'}")
    say(f"requests           {summary.count}")
    say(f"failed             {summary.failed}")
    say(f"rows               {summary.rows}")
    say(f"unseen categories  {summary.unseen_categories}")
    for name in ("mean", "p50", "p95", "p99"):
        value = getattr(summary, f"{name}_ms")
        say(f"{name:<18} {'-' if value is None else f'{value:.2f} ms'}")
    for status, count in sorted(summary.by_status.items()):
        say(f"status {status:<11} {count}")


def _runs(server: Any, options: argparse.Namespace) -> None:  # noqa: ARG001
    runs = _all_runs(server)
    if not runs:
        say("no runs yet")
    known = {run.run_id for run in runs}
    for run in runs:
        if run.parent_run_id not in known:
            say(_run_line(run))
            for step in runs:
                if step.parent_run_id == run.run_id:
                    say(f"  {_run_line(step)}")


def _pipelines_arguments(parser: argparse.ArgumentParser) -> None:
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--disable", metavar="ID", help="refuse submissions of this version from now on")
    change.add_argument("--enable", metavar="ID", help="take submissions of this version again")


def _pipelines(server: Any, options: argparse.Namespace) -> None:
    for pipeline_id, status in ((options.disable, PipelineStatus.DISABLED), (options.enable, PipelineStatus.ACTIVE)):
        if pipeline_id is not None:
            path = f"/v1/pipelines/{quote(pipeline_id, safe='')}/status"
            changed = PublishedPipeline.from_dict(server.json("PUT", path, body={"status": status.value}))
            say(f"version {changed.version} of pipeline {changed.name} is {changed.status.value}")
            return
    pipelines = [PublishedPipeline.from_dict(pipeline) for pipeline in server.json("GET", "/v1/pipelines")]
    if not pipelines:
        say("no pipelines yet")
    runs = _all_runs(server)
    for index, pipeline in enumerate(pipelines):
        if index == 0 or pipelines[index - 1].name != pipeline.name:
            say(f"{pipeline.name}  {pipeline.pipeline_endpoint}")
        last = next((run for run in runs if run.properties.get("pipeline_id") == pipeline.pipeline_id), None)
        say(f"  version {pipeline.version}  {pipeline.status.value}{'  default' if pipeline.is_default else ''}")
        say(f"    {pipeline.endpoint}")
        say(f"    last run: {'none' if last is None else _run_line(last)}")


def _all_runs(server: Any) -> list[Run]:
    return [Run.from_dict(run) for run in server.json("GET", "/v1/runs")]


def _run_line(run: Run) -> str:
    line = f"{run.run_id}  {run.experiment_name}  {_moment(run.created_at)}  {run.status.value}  {_outcome(run)}"
    return line.rstrip()


def _outcome(run: Run) -> str:
    parts, known = [], run.properties
    if run.run_type == PIPELINE_RUN:
        parts.append(f"pipeline {known.get('pipeline_name', '?')}:{known.get('pipeline_version', '?')}")
    if "best_score" in known:
        parts.append(f"{known.get('best_algorithm', '?')} {known.get('primary_metric', '?')} {_score(known)}")
    if "model" in known:
        parts.append(f"model {known['model']}")
    return "  ".join(part for part in [*parts, run.error] if part)


def _score(properties: Mapping[str, str]) -> str:
    """The best score to five places; whatever it is when it is no number."""
    text = properties["best_score"]
    try:
        return f"{float(text):.5f}"
    except ValueError:
        return text


COMMANDS = {
    "keys": Command("print a web service's primary key, alone", _service_argument, _asks_server(_keys)),
    "logs": Command("print a web service's log", _logs_arguments, _asks_server(_logs)),
    "requests": Command("sum up a web service's telemetry", _requests_arguments, _asks_server(_requests)),
    "runs": Command("list AutoML and pipeline runs, the newest first", no_arguments, _asks_server(_runs)),
    "pipelines": Command(
        "list published pipelines (status, endpoint, last run), or enable or disable one",
        _pipelines_arguments,
        _asks_server(_pipelines),
    ),
    "sdk-env": Command("print what a process with the Azure ML SDK has to know", no_arguments, _sdk_environment),
}
"""By name."""


def active_line(server: Any, run: Run) -> str:
    """How far a run is that has not ended."""
    path = f"/v1/runs/{quote(run.run_id, safe='')}"
    if run.run_type == PIPELINE_RUN:
        steps = [StepRun.from_dict(step) for step in server.json("GET", f"{path}/steps")]
        return f"{_outcome(run)}  {', '.join(f'{step.name} {step.status.value}' for step in steps)}"
    progress = AutoMLProgress.from_dict(server.json("GET", f"{path}/progress"))
    best = "" if progress.best_score is None else f", best {progress.best_score:.5f} ({progress.best_algorithm})"
    return f"{progress.phase}, {progress.trials_done} trials{best}, {progress.seconds_left:.0f} s left"


def service_line(service: WebService) -> str:
    """A web service in one line."""
    model = f"model {service.model_name}:{service.model_version}"
    return f"{service.name}  {service.state.value}  {model}  {service.scoring_uri}  {service.error}".rstrip()


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
