"""The two servers under test, each started on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from azureml_local.scoring.config import ServiceConfig, read_status, write_config, write_keys
from azureml_workspace.records import ServiceKeys
from benchmarks.common.peer_venv import peer_python
from benchmarks.common.pinned import PinnedServer, ServerFailed, pinned_server
from benchmarks.common.places import WORK, digest_of

HERE = Path(__file__).parent
PEER_REQUIREMENTS = HERE / "peer-requirements.txt"
PEER_VENV = "azureml-inference-server"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Contestant:
    """A running server: where it scores, with which key, and its processes."""

    name: str
    scoring_uri: str
    key: str | None
    server: PinnedServer


@dataclass
class OurService:
    """Our scoring process and the file that tells it what to do."""

    contestant: Contestant
    folder: Path
    config: ServiceConfig

    def switch_insights(self, *, on: bool) -> None:
        """Switch and wait until the process says that it followed. :raises ServerFailed:"""
        self.config = replace(self.config, generation=self.config.generation + 1, app_insights_enabled=on)
        write_config(self.folder, self.config)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            status = read_status(self.folder)
            if status is not None and status.generation == self.config.generation:
                return
            time.sleep(0.05)
        raise ServerFailed("the service did not follow service.json within 10 s")


@contextlib.contextmanager
def our_service(folder: Path, model_dir: Path, cores: Sequence[int]) -> Iterator[OurService]:
    """Our scoring process with authentication on and insights off."""
    folder.mkdir(parents=True)
    keys = ServiceKeys(primary="benchmark-primary-key", secondary="benchmark-secondary-key")
    config = ServiceConfig(
        generation=1,
        name="bench",
        host=LOOPBACK,
        port=free_port(),
        model_dir=str(model_dir.resolve()),
        model_name="bench",
        model_version=1,
        auth_enabled=True,
        app_insights_enabled=False,
        response_format="string",
    )
    write_keys(folder, keys)
    write_config(folder, config)
    origin = f"http://{LOOPBACK}:{config.port}"
    with pinned_server([sys.executable, "-m", "azureml_local.scoring", str(folder)], cores=cores, folder=folder) as it:
        it.wait_until_healthy(f"{origin}/")
        yield OurService(Contestant("ours", f"{origin}/score", keys.primary, it), folder, config)


@contextlib.contextmanager
def peer_service(folder: Path, csv: Path, label: str, cores: Sequence[int]) -> Iterator[Contestant]:
    """`azureml-inference-server-http` with the pickled pipeline, as `azmlinfsrv` starts it: one gunicorn worker."""
    python = peer_python(PEER_VENV, PEER_REQUIREMENTS)
    model = _peer_model(python, csv, label)
    folder.mkdir(parents=True)
    port = free_port()
    command = [
        str(python.with_name("azmlinfsrv")),
        "--entry_script",
        str(HERE / "peer_scripts" / "score.py"),
        "--port",
        str(port),
    ]
    environment = {
        "AZUREML_MODEL_DIR": str(model),
        "AML_APP_INSIGHTS_ENABLED": "false",
        "HOME": str(folder),  # gunicorn puts a control socket there
        "PYTHONPATH": "",
    }
    with pinned_server(command, cores=cores, folder=folder, environment=environment) as server:
        server.wait_until_healthy(f"http://{LOOPBACK}:{port}/", timeout=120)
        yield Contestant("azureml-inference-server-http", f"http://{LOOPBACK}:{port}/score", None, server)


def _peer_model(python: Path, csv: Path, label: str) -> Path:
    script = HERE / "peer_scripts" / "train.py"
    folder = WORK / "service" / f"peer-model-{digest_of(csv, script, PEER_REQUIREMENTS)}"
    model = folder / "model"
    if not (model / "1" / "sample.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([str(python), str(script), str(csv), label, str(folder)], check=True)
    return model


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
