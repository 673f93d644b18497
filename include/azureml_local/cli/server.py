"""The commands that run the server and end it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from azureml_local.cli.console import (
    ALREADY_RUNNING,
    ERROR,
    NOT_RUNNING,
    OK,
    Command,
    complain,
    connect,
    no_arguments,
    say,
)
from azureml_local.cli.views import active_line, service_line
from azureml_local.paths import Home
from azureml_local.processes import wait_until
from azureml_local.server.instance import DEFAULT_PORT, TOKEN_VARIABLE, ServerInfo
from azureml_local.services.ports import DEFAULT_PORTS, PortRange
from azureml_workspace.records import Run, WebService

_START_SECONDS = 30.0


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
    parser.add_argument(
        "--advertise-host",
        metavar="NAME",
        help="host in the addresses that clients are given, when they do not reach it under --host: the name of the "
        f"container, for one. The variable {TOKEN_VARIABLE} may give the token.",
    )
    parser.add_argument(
        "--azureml-sdk",
        action="store_true",
        help="answer the Azure ML SDK v1 too, as if this were Azure (`sdk-env` prints what its process has to know)",
    )
    parser.add_argument(
        "--sdk-ports",
        default="8791,8792",
        metavar="HTTP,HTTPS",
        help="the ports for the SDK, 0 for any free ones (default: %(default)s)",
    )


def _serve(home: Home, options: argparse.Namespace) -> int:
    ports = PortRange.parse(options.service_ports)
    # Everything else here starts in a tenth of a second; the server needs its libraries.
    from azureml_local.azure_api.ports import SdkPorts
    from azureml_local.server.serve import ServeConfig, serve

    def announce(url: str) -> None:
        say(f"local Azure ML at {url}, state in {home.root} (token: {home.token_file})")

    config = ServeConfig(
        home=home,
        host=options.host,
        advertised_host=options.advertise_host,
        port=options.port,
        service_ports=ports,
        azureml_sdk=SdkPorts.parse(options.sdk_ports) if options.azureml_sdk else None,
        token=os.environ.pop(TOKEN_VARIABLE, None),  # jobs and web services inherit the environment, and need no token
    )
    serve(config, announce)
    say("stopped; jobs and web services go on until `python -m azureml_local stop`")
    return OK


def _start(home: Home, options: argparse.Namespace) -> int:
    running = ServerInfo.read(home)
    if running is not None:
        if options.azureml_sdk and running.azureml_sdk is None:
            complain(
                f"the local Azure ML that runs already at {running.url} does not answer the Azure ML SDK; end it with "
                "`python -m azureml_local stop --keep-runs`, then start it with --azureml-sdk."
            )
            return ERROR
        say(f"local Azure ML runs already at {running.url}")
        return OK
    PortRange.parse(options.service_ports)
    home.create()
    command = [sys.executable, "-m", "azureml_local", "serve", "--home", str(home.root), "--host", options.host]
    command += ["--port", str(options.port), "--service-ports", options.service_ports]
    if options.advertise_host is not None:
        command += ["--advertise-host", options.advertise_host]
    if options.azureml_sdk:
        command += ["--azureml-sdk", "--sdk-ports", options.sdk_ports]
    with home.output_file.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )

    def is_settled() -> bool:
        return child.poll() is not None or ServerInfo.read(home) is not None

    wait_until(is_settled, _START_SECONDS)
    info = ServerInfo.read(home)
    if info is not None:
        say(f"local Azure ML at {info.url}, state in {home.root}")
        return OK
    said = home.output_file.read_text(errors="replace").strip()
    if child.poll() is not None:
        message = said.removeprefix("error: ") or (
            f"the server ended with exit code {child.returncode} and said nothing; see {home.log_file}, and whether "
            "its disk is full"
        )
        # What it said went through a file, and a full disk cuts that short.
        complain(message if str(home.root) in message else f"{message} (state folder: {home.root})")
        return ALREADY_RUNNING if child.returncode == ALREADY_RUNNING else ERROR
    child.terminate()
    complain(f"the server did not get ready within {_START_SECONDS:.0f} s; see {home.log_file}\n{said}")
    return ERROR


def _status(home: Home, options: argparse.Namespace) -> int:  # noqa: ARG001
    info = ServerInfo.read(home)
    if info is None:
        say(f"local Azure ML is not running (state folder {home.root})")
        _say_orphans(home)
        return NOT_RUNNING
    server = connect(home, info)
    runs = [Run.from_dict(run) for run in server.json("GET", "/v1/runs")]
    services = [WebService.from_dict(service) for service in server.json("GET", "/v1/services")]
    active = [run for run in runs if not run.status.is_terminal]
    say(f"local Azure ML {info.version} at {info.url} (pid {info.pid})")
    if info.azureml_sdk is not None:
        say(f"Azure ML SDK  {info.azureml_sdk} (`sdk-env` prints what its process has to know)")
    say(f"state folder  {home.root}")
    say(f"runs          {len(active)} active, {len(runs)} in all")
    for run in active:
        say(f"  {run.run_id}  {run.status.value}  {active_line(server, run)}")
    say(f"web services  {len(services)}")
    for service in services:
        say(f"  {service_line(service)}")
    return OK


def _say_orphans(home: Home) -> None:
    from azureml_local.server.shutdown import live_jobs, live_services

    for kind, found in (("job", live_jobs(home)), ("web service", live_services(home))):
        for name, identity in found.items():
            say(f"  {kind} {name} still runs (pid {identity.pid}); `start` takes it up again, `stop` ends it")


def _stop_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-runs", action="store_true", help="runs that have no result yet start again with the next server"
    )


def _stop(home: Home, options: argparse.Namespace) -> int:
    from azureml_local.server.shutdown import Stopped, stop_everything

    stopped = stop_everything(home, keep_runs=options.keep_runs)
    if stopped == Stopped(server=False):
        say(f"local Azure ML is not running (state folder {home.root})")
        return OK
    server = "the server" if stopped.server else "no server (it was not running)"
    say(f"stopped: {server}, {stopped.jobs} jobs, {stopped.services} web services")
    if stopped.runs_cancelled:
        say(f"{stopped.runs_cancelled} runs had not ended and are Canceled")
    if stopped.runs_waiting:
        say(f"{stopped.runs_waiting} runs had not ended and start again with the next server")
    if stopped.runs_left:
        say(f"{stopped.runs_left} runs had ended their training; the next server takes them to their end")
    return OK


COMMANDS = {
    "serve": Command("run the server here, until Ctrl-C", _address_arguments, _serve),
    "start": Command("run the server in the background", _address_arguments, _start),
    "status": Command("what runs (exit code 3 when the server does not)", no_arguments, _status),
    "stop": Command("end the server, its jobs and its web services", _stop_arguments, _stop),
}
