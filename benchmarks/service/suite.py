"""`python -m benchmarks service`."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec

from azureml_endpoint.load import LoadReport
from azureml_endpoint.wire import encode_request
from azureml_local.features.spec import ModelSignature
from azureml_workspace.data.ingestion import DATA_FILE, ingest
from azureml_workspace.records import AutoMLSettings
from benchmarks.common.automl_job import run_job
from benchmarks.common.machine import cores, versions
from benchmarks.common.peer_venv import peer_python, peer_versions
from benchmarks.common.pinned import on_cores, split_cores
from benchmarks.common.places import WORK, bank_marketing_csv, digest_of, our_sources
from benchmarks.common.section import Goal, Section, table
from benchmarks.common.spread import Spread, paired_ratios
from benchmarks.service.contestants import PEER_REQUIREMENTS, PEER_VENV, our_service, peer_service
from benchmarks.service.measure import Series, Sizes, alternate, insights_off_and_on, load

LABEL = "y"
QUICK = Sizes(
    repetitions=2,
    our_requests=500,
    peer_requests=20,
    stress_requests=1000,
    insights_pairs=2,
    insights_requests=1000,
)

EXPLANATION = """\
Server on core {server}, client on core {client}; the same 2 rows ({size} bytes) to both, keep-alive (the peer closes
every connection). The peer serves a pickled scikit-learn pipeline (one-hot, scaling, LightGBM with 100 trees) through
an entry script in the shape that Azure's AutoML writes, one gunicorn worker, no authentication. Ours serves what our
AutoML found, with key check, schema validation and, where it says so, telemetry."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--data", help="Bank Marketing CSV (default: the variable BANK_MARKETING_CSV)")
    parser.add_argument("--model-dir", type=Path, help="a model package of ours (default: one is trained and kept)")
    parser.add_argument("--repetitions", type=int, help="turns of ours and the peer (default 5)")
    parser.add_argument("--quick", action="store_true", help="few requests: tries the harness, measures nothing")


def run(options: argparse.Namespace, command: str) -> Section:
    """Measure and report."""
    sizes = QUICK if options.quick else Sizes()
    if options.repetitions:
        sizes = replace(sizes, repetitions=options.repetitions)
    csv = bank_marketing_csv(options.data)
    package = options.model_dir or trained_package(csv)
    signature = msgspec.json.decode((package / "signature.json").read_bytes(), type=ModelSignature)
    body = encode_request(signature.sample_rows[:2])
    server_cores, client_cores = split_cores()
    WORK.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="service-", dir=WORK) as temporary,
        on_cores(client_cores),
        our_service(Path(temporary, "ours"), package, server_cores) as service,
        peer_service(Path(temporary, "peer"), csv, LABEL, server_cores) as peer,
    ):
        ours = service.contestant
        our_series, peer_series = alternate(ours, peer, body, sizes)
        idle_rss = ours.server.rss_mb()
        stress = load(ours, body, sizes.stress_requests, sizes.stress_concurrency)
        off, on = insights_off_and_on(service, body, sizes)
        busy_rss, peer_rss = ours.server.rss_mb(), peer.server.rss_mb()
    facts = EXPLANATION.format(server=server_cores[0], client=client_cores[0], size=len(body))
    return Section(
        key="service",
        title="Web service: ours against azureml-inference-server-http",
        command=command,
        versions=f"{versions('uvicorn', 'starlette', 'msgspec', 'onnxruntime', 'numpy')}; peer: {_peer_versions()}",
        goals=goals(our_series, peer_series, stress, (idle_rss, busy_rss), off, on),
        blocks=(
            facts,
            _side_by_side(our_series, peer_series, busy_rss, peer_rss),
            _stress(stress),
            _insights(off, on),
        ),
        complete=not options.quick,
    )


def goals(
    ours: Series, peer: Series, stress: LoadReport, rss: tuple[float, float], off: Series, on: Series
) -> tuple[Goal, ...]:
    """The promised figures. Ratios and costs are medians over pairs that were measured one after the other."""
    times = paired_ratios(peer.cpu_ms, ours.cpu_ms)
    latency = Spread.of(ours.p50_ms)
    cost = insights_cost(off, on)
    answered = stress.requests - stress.failed
    failed = ours.failed + peer.failed + off.failed + on.failed
    return (
        Goal(
            name="Server CPU per 2-row request, peer over ours",
            limit="at least 20 x",
            observed=f"{times.show('.1f')} x",
            passed=times.median >= 20,
        ),
        Goal(
            name="p50 at concurrency 1",
            limit="below 1 ms",
            observed=f"{latency.show('.3f')} ms",
            passed=latency.median < 1,
        ),
        Goal(
            name=f"{stress.asked:,} requests at concurrency {stress.concurrency}",
            limit="0 failed",
            observed=f"{answered:,} answered, {stress.failed} failed{', ' + stress.stopped if stress.stopped else ''}",
            passed=answered == stress.asked,
        ),
        Goal(
            name="Memory (RSS) before and after all load",
            limit="at most 130 MB",
            observed=f"{rss[0]:.0f} MB, {rss[1]:.0f} MB",
            passed=max(rss) <= 130,
        ),
        Goal(
            name="Insights on: throughput lost",
            limit="at most 5 %",
            observed=f"{cost.show('.1f')} %",
            passed=cost.median <= 5,
        ),
        Goal(name="Failed requests in all other tests", limit="0", observed=str(failed), passed=failed == 0),
    )


def insights_cost(off: Series, on: Series) -> Spread:
    """Share of the throughput that switching insights on takes, in percent, pair by pair."""
    ratios = paired_ratios(on.requests_per_second, off.requests_per_second)
    return Spread.of(100 * (1 - ratio) for ratio in ratios.values)


def trained_package(csv: Path) -> Path:
    """A model package of ours for the Bank Marketing data; trained once and kept until data or source change."""
    folder = WORK / "service" / f"our-model-{digest_of(csv, *our_sources('automl', 'features'))}"
    if not (folder / "signature.json").exists():
        print("Training the model that ours serves (one minute) ...", flush=True)
        scratch = WORK / "service" / "training"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        data = ingest(csv, scratch)
        settings = AutoMLSettings(
            experiment_name="bench", dataset_name="bank", dataset_version=1, label_column_name=LABEL
        )
        job = run_job(scratch / "run", scratch / DATA_FILE, data.columns, settings, len(cores()))
        for older in folder.parent.glob("our-model-*"):
            shutil.rmtree(older)
        job.package.rename(folder)
        shutil.rmtree(scratch)
    return folder


def _peer_versions() -> str:
    python = peer_python(PEER_VENV, PEER_REQUIREMENTS)
    return peer_versions(python, "azureml-inference-server-http", "gunicorn", "scikit-learn", "lightgbm", "pandas")


def _side_by_side(ours: Series, peer: Series, our_rss: float, peer_rss: float) -> str:
    def row(name: str, our_values: list[float], peer_values: list[float], form: str) -> tuple[str, ...]:
        ratio = paired_ratios(peer_values, our_values)
        return name, Spread.of(our_values).show(form), Spread.of(peer_values).show(form), f"{ratio.show('.3g')}"

    rows = [
        row("Server CPU per request (ms)", ours.cpu_ms, peer.cpu_ms, ".3f"),
        row("p50 (ms)", ours.p50_ms, peer.p50_ms, ".3f"),
        row("Requests per second", ours.requests_per_second, peer.requests_per_second, ".0f"),
        ("Memory (RSS, MB)", f"{our_rss:.0f}", f"{peer_rss:.0f}", f"{peer_rss / our_rss:.1f}"),
    ]
    return "Concurrency 1, in turns:\n\n" + table(("", "Ours", "Peer", "Peer / ours, pair by pair"), rows)


def _stress(report: LoadReport) -> str:
    shown = {"p50": report.p50_ms, "p95": report.p95_ms, "p99": report.p99_ms, "max": report.max_ms}
    latencies = ", ".join(f"{name} {value:.2f} ms" for name, value in shown.items() if value is not None)
    errors = "; ".join(f"{error.count} x {error.message}" for error in report.errors)
    return (
        f"Ours at concurrency {report.concurrency}: {report.requests:,} requests in {report.seconds:.2f} s, "
        f"{report.requests_per_second:,.0f} per second, {latencies}, statuses {json.dumps(report.by_status)}"
        f"{', errors: ' + errors if errors else ''}. Percentiles from p95 up include scheduler slices of a shared core."
    )


def _insights(off: Series, on: Series) -> str:
    rows = [
        (name, Spread.of(without).show(form), Spread.of(with_it).show(form), paired_ratios(with_it, without).show())
        for name, without, with_it, form in (
            ("Requests per second", off.requests_per_second, on.requests_per_second, ".0f"),
            ("Server CPU per request (ms)", off.cpu_ms, on.cpu_ms, ".3f"),
        )
    ]
    return "Ours, Application Insights off and on, in turns at the same concurrency:\n\n" + table(
        ("", "Off", "On", "On / off, pair by pair"), rows
    )
