"""Command line: `python -m azureml_endpoint bench|smoke SCORING_URI`.

The key never stands in the arguments, where every user of the machine could read it: it comes from the variable
AZUREML_SERVICE_KEY, a file, or standard input.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from azureml_endpoint.contract import ServiceContract
from azureml_endpoint.load import run_load
from azureml_endpoint.report import format_report
from azureml_endpoint.smoke import smoke_check
from azureml_endpoint.thresholds import check_thresholds
from azureml_endpoint.wire import encode_request
from azureml_workspace.errors import InvalidRequest, WorkspaceError

KEY_VARIABLE = "AZUREML_SERVICE_KEY"

EXIT_PASSED, EXIT_FAILED, EXIT_ERROR = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when all passed, 1 when a check, threshold or request failed, 2 when it could not be tried."""
    options = _parser().parse_args(arguments)
    try:
        passed: bool = options.run(options)
    except WorkspaceError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_ERROR
    return EXIT_PASSED if passed else EXIT_FAILED


def _bench(options: argparse.Namespace) -> bool:
    key = _key(options)
    report = run_load(
        options.scoring_uri,
        key,
        encode_request(_rows(options, key)),
        requests=options.requests,
        concurrency=options.concurrency,
        warmup=options.warmup,
        timeout=options.timeout,
        time_limit=options.time_limit,
        keep_alive=not options.new_connections,
    )
    thresholds = check_thresholds(
        report,
        p50_ms=options.p50_ms,
        p95_ms=options.p95_ms,
        p99_ms=options.p99_ms,
        error_rate=options.error_rate,
        min_requests_per_second=options.min_requests_per_second,
    )
    if options.json:
        _print_json({"report": report.to_dict(), "thresholds": [item.to_dict() for item in thresholds]})
    else:
        sys.stdout.write(format_report(report, thresholds) + "\n")
    # Without a limit of the user's own on failures, none is allowed.
    sound = options.error_rate is not None or report.failed == 0
    return sound and not report.stopped and all(item.passed for item in thresholds)


def _smoke(options: argparse.Namespace) -> bool:
    report = smoke_check(
        options.scoring_uri,
        _key(options),
        _rows_given(options),
        auth_enabled=not options.no_auth,
        timeout=options.timeout,
    )
    if options.json:
        _print_json(report.to_dict())
    else:
        for check in report.checks:
            sys.stdout.write(f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.detail}\n")
    return report.passed


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _key(options: argparse.Namespace) -> str | None:
    if options.key_stdin:
        return sys.stdin.readline().strip()
    if options.key_file is not None:
        try:
            return str(Path(options.key_file).read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"--key-file {options.key_file}: cannot be read ({type(error).__name__}).") from error
    return os.environ.get(KEY_VARIABLE) or None


def _rows(options: argparse.Namespace, key: str | None) -> Sequence[dict[str, Any]]:
    rows = _rows_given(options)
    if not rows:
        rows = ServiceContract.fetch(options.scoring_uri, key, timeout=options.timeout).sample_rows()
    if not rows:
        raise InvalidRequest("the service's contract has no example rows; give some with --rows FILE.")
    return rows


def _rows_given(options: argparse.Namespace) -> Sequence[dict[str, Any]]:
    if options.rows is None:
        return ()
    try:
        rows = json.loads(Path(options.rows).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"--rows {options.rows}: {error}") from error
    rows = rows.get("data") if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InvalidRequest(f'--rows {options.rows}: a JSON list of objects, or {{"data": [...]}}, was expected.')
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m azureml_endpoint", description="Check or load a web service.")
    commands = parser.add_subparsers(required=True, metavar="bench|smoke")

    bench = commands.add_parser("bench", help="measure latency and throughput, as ab does")
    bench.set_defaults(run=_bench)
    bench.add_argument("-n", "--requests", type=int, default=1000, help="measured requests (default 1000)")
    bench.add_argument("-c", "--concurrency", type=int, default=1, help="requests at a time (default 1)")
    bench.add_argument("--warmup", type=int, default=20, help="requests sent first and not counted (default 20)")
    bench.add_argument("--time-limit", type=float, default=600.0, help="seconds for the whole test (default 600)")
    bench.add_argument("--new-connections", action="store_true", help="a new connection per request, as ab does")
    for name, meaning in (
        ("p50-ms", "greatest median latency"),
        ("p95-ms", "greatest 95th percentile (needs 200 requests)"),
        ("p99-ms", "greatest 99th percentile (needs 1000 requests)"),
        ("error-rate", "greatest share of failed requests, 0 to 1 (default: none may fail)"),
        ("min-requests-per-second", "least throughput"),
    ):
        bench.add_argument(f"--{name}", type=float, help=f"threshold: {meaning}")

    smoke = commands.add_parser("smoke", help="check what it answers and what it refuses")
    smoke.set_defaults(run=_smoke)
    smoke.add_argument("--no-auth", action="store_true", help="the service was deployed without authentication")

    for command in (bench, smoke):
        command.add_argument("scoring_uri")
        key = command.add_mutually_exclusive_group()
        key.add_argument("--key-file", help=f"file that holds the key (default: the variable {KEY_VARIABLE})")
        key.add_argument("--key-stdin", action="store_true", help="read the key from standard input")
        command.add_argument("--rows", help="JSON file of rows (default: the example of the service's contract)")
        command.add_argument("--timeout", type=float, default=10.0, help="seconds per request (default 10)")
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
