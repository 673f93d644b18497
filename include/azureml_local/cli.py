"""`python -m azureml_local`: serve, start, status, stop, and a look at runs and web services."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from azureml_local.paths import HOME_VARIABLE, Home
from azureml_local.processes import wait_until
from azureml_local.server.instance import DEFAULT_PORT, TOKEN_VARIABLE, AlreadyRunning, ServerInfo
from azureml_local.services.ports import DEFAULT_PORTS, PortRange
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.records import AutoMLProgress, RequestSummary, Run, WebService

OK, ERROR, NOT_RUNNING, ALREADY_RUNNING = 0, 1, 3, 4
_START_SECONDS = 30.0


class Command(NamedTuple):
    """A subcommand: what `--help` says of it, its own arguments, and what it does (giving the exit code)."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Home, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code: 0, 1 error, 2 usage, 3 not running, 4 runs already."""
    options = _parser().parse_args(arguments)
    home = Home.resolve(options.home)
    try:
        return COMMANDS[options.command].run(home, options)
    except AlreadyRunning as error:
        _complain(str(error))
        return ALREADY_RUNNING
    except WorkspaceError as error:
        _complain(str(error))
        return ERROR
    except OSError as error:
        _complain(f"{error}. The state folder is {home.root}: it must be writable and have room (another: --home).")
        return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m azureml_local", description="The local Azure ML.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        sub.add_argument("--home", help=f"state folder (default: ${HOME_VARIABLE}, else .local/azureml here)")
        command.arguments(sub)
    return parser


# The server


def _address_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port, 0 for any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--service-ports",
        default=str(DEFAULT_PORTS),
        metavar="A-B",
        help="ports of web services, 0 for any free ones (default: %(default)s)",
    )


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    _address_arguments(parser)
    parser.add_argument(
        "--advertise-host",
        metavar="NAME",
        help="host in the addresses that clients are given, when they do not reach it under --host: the name of the "
        f"container, for one. The variable {TOKEN_VARIABLE} may give the token.",
    )


def _serve(home: Home, options: argparse.Namespace) -> int:
    ports = PortRange.parse(options.service_ports)
    # Everything else here starts in a tenth of a second; the server needs its libraries.
    from azureml_local.server.serve import ServeConfig, serve

    def say(url: str) -> None:
        _say(f"local Azure ML at {url}, state in {home.root} (token: {home.token_file})")

    config = ServeConfig(
        home=home,
        host=options.host,
        advertised_host=options.advertise_host,
        port=options.port,
        service_ports=ports,
        token=os.environ.pop(TOKEN_VARIABLE, None),  # jobs and web services inherit the environment, and need no token
    )
    serve(config, say)
    _say("stopped; jobs and web services go on until `python -m azureml_local stop`")
    return OK


def _start(home: Home, options: argparse.Namespace) -> int:
    running = ServerInfo.read(home)
    if running is not None:
        _say(f"local Azure ML runs already at {running.url}")
        return OK
    PortRange.parse(options.service_ports)
    home.create()
    command = [sys.executable, "-m", "azureml_local", "serve", "--home", str(home.root), "--host", options.host]
    command += ["--port", str(options.port), "--service-ports", options.service_ports]
    with home.output_file.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )

    def is_settled() -> bool:
        return child.poll() is not None or ServerInfo.read(home) is not None

    wait_until(is_settled, _START_SECONDS)
    info = ServerInfo.read(home)
    if info is not None:
        _say(f"local Azure ML at {info.url}, state in {home.root}")
        return OK
    said = home.output_file.read_text(errors="replace").strip()
    if child.poll() is not None:
        message = said.removeprefix("error: ") or (
            f"the server ended with exit code {child.returncode} and said nothing; see {home.log_file}, and whether "
            "its disk is full"
        )
        # What it said went through a file, and a full disk cuts that short.
        _complain(message if str(home.root) in message else f"{message} (state folder: {home.root})")
        return ALREADY_RUNNING if child.returncode == ALREADY_RUNNING else ERROR
    child.terminate()
    _complain(f"the server did not get ready within {_START_SECONDS:.0f} s; see {home.log_file}\n{said}")
    return ERROR


def _status(home: Home, options: argparse.Namespace) -> int:  # noqa: ARG001
    info = ServerInfo.read(home)
    if info is None:
        _say(f"local Azure ML is not running (state folder {home.root})")
        _say_orphans(home)
        return NOT_RUNNING
    server = _connect(home, info)
    runs = [Run.from_dict(run) for run in server.json("GET", "/v1/runs")]
    services = [WebService.from_dict(service) for service in server.json("GET", "/v1/services")]
    active = [run for run in runs if not run.status.is_terminal]
    _say(f"local Azure ML {info.version} at {info.url} (pid {info.pid})")
    _say(f"state folder  {home.root}")
    _say(f"runs          {len(active)} active, {len(runs)} in all")
    for run in active:
        progress = AutoMLProgress.from_dict(server.json("GET", f"/v1/runs/{run.run_id}/progress"))
        _say(f"  {run.run_id}  {run.status.value}  {_progress_line(progress)}")
    _say(f"web services  {len(services)}")
    for service in services:
        _say(f"  {_service_line(service)}")
    return OK


def _say_orphans(home: Home) -> None:
    from azureml_local.server.shutdown import live_jobs, live_services

    for kind, found in (("job", live_jobs(home)), ("web service", live_services(home))):
        for name, identity in found.items():
            _say(f"  {kind} {name} still runs (pid {identity.pid}); `start` takes it up again, `stop` ends it")


def _stop(home: Home, options: argparse.Namespace) -> int:  # noqa: ARG001
    from azureml_local.server.shutdown import stop_everything

    stopped = stop_everything(home)
    if not (stopped.server or stopped.jobs or stopped.services or stopped.runs_cancelled):
        _say(f"local Azure ML is not running (state folder {home.root})")
        return OK
    server = "the server" if stopped.server else "no server (it was not running)"
    _say(f"stopped: {server}, {stopped.jobs} jobs, {stopped.services} web services")
    if stopped.runs_cancelled:
        _say(f"{stopped.runs_cancelled} runs had not ended and are Canceled")
    return OK


# A look at what is there


def _service_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", help="name of the web service")


def _logs_arguments(parser: argparse.ArgumentParser) -> None:
    _service_argument(parser)
    parser.add_argument("--tail", type=int, default=200, help="how many lines (default: %(default)s)")


def _requests_arguments(parser: argparse.ArgumentParser) -> None:
    _service_argument(parser)
    parser.add_argument("--since-minutes", type=float, help="only the last minutes (default: all that is kept)")


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    """A command without arguments of its own."""


def _asks_server(answer: Callable[[Any, argparse.Namespace], None]) -> Callable[[Home, argparse.Namespace], int]:
    """A command that needs the running server."""

    def run(home: Home, options: argparse.Namespace) -> int:
        info = ServerInfo.read(home)
        if info is None:
            _complain(f"local Azure ML is not running (state folder {home.root}); `python -m azureml_local start`")
            return NOT_RUNNING
        answer(_connect(home, info), options)
        return OK

    return run


def _keys(server: Any, options: argparse.Namespace) -> None:
    _say(server.json("POST", f"/v1/services/{_quoted(options.service)}/keys")["primary"])


def _logs(server: Any, options: argparse.Namespace) -> None:
    path = f"/v1/services/{_quoted(options.service)}/logs"
    _say(server.json("GET", path, query={"tail": options.tail})["text"])


def _requests(server: Any, options: argparse.Namespace) -> None:
    since = None if options.since_minutes is None else options.since_minutes * 60
    path = f"/v1/services/{_quoted(options.service)}/requests"
    summary = RequestSummary.from_dict(server.json("GET", path, query={"since_seconds": since}))
    _say(f"service            {summary.service_name}, Application Insights {'on' if summary.enabled else 'off'}")
    _say(f"since              {_moment(summary.since) if summary.since else 'the first request kept'}")
    _say(f"requests           {summary.count}")
    _say(f"failed             {summary.failed}")
    _say(f"rows               {summary.rows}")
    _say(f"unseen categories  {summary.unseen_categories}")
    for name in ("mean", "p50", "p95", "p99"):
        value = getattr(summary, f"{name}_ms")
        _say(f"{name:<18} {'-' if value is None else f'{value:.2f} ms'}")
    for status, count in sorted(summary.by_status.items()):
        _say(f"status {status:<11} {count}")


def _runs(server: Any, options: argparse.Namespace) -> None:  # noqa: ARG001
    runs = [Run.from_dict(run) for run in server.json("GET", "/v1/runs")]
    if not runs:
        _say("no runs yet")
    for run in runs:
        best = run.properties.get("best_algorithm", "")
        score = run.properties.get("best_score")
        outcome = f"{best} {run.properties['primary_metric']} {float(score):.5f}" if score else run.error
        _say(f"{run.run_id}  {run.experiment_name}  {_moment(run.created_at)}  {run.status.value}  {outcome}".rstrip())


COMMANDS = {
    "serve": Command("run the server here, until Ctrl-C", _serve_arguments, _serve),
    "start": Command("run the server in the background", _address_arguments, _start),
    "status": Command("what runs (exit code 3 when the server does not)", _no_arguments, _status),
    "stop": Command("end the server, its jobs and its web services", _no_arguments, _stop),
    "keys": Command("print a web service's primary key, alone", _service_argument, _asks_server(_keys)),
    "logs": Command("print a web service's log", _logs_arguments, _asks_server(_logs)),
    "requests": Command("sum up a web service's telemetry", _requests_arguments, _asks_server(_requests)),
    "runs": Command("list the runs, the newest first", _no_arguments, _asks_server(_runs)),
}


def _connect(home: Home, info: ServerInfo) -> Any:
    from azureml_workspace.local.client import ControlPlane
    from azureml_workspace.local.credential import BearerToken

    token = BearerToken(token=None, token_file=str(home.token_file), on_secret=lambda _: None)
    return ControlPlane(info.url, token, connect_timeout=3.0, read_timeout=30.0, retry_seconds=2.0)


def _progress_line(progress: AutoMLProgress) -> str:
    best = "" if progress.best_score is None else f", best {progress.best_score:.5f} ({progress.best_algorithm})"
    return f"{progress.phase}, {progress.trials_done} trials{best}, {progress.seconds_left:.0f} s left"


def _service_line(service: WebService) -> str:
    model = f"model {service.model_name}:{service.model_version}"
    return f"{service.name}  {service.state.value}  {model}  {service.scoring_uri}  {service.error}".rstrip()


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"error: {text}\n")
