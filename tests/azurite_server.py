"""Azurite, the Blob emulator from npm: its own process on a free port, with a folder of its own."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from tests.local_server import eventually

PINNED = Path(__file__).parent / "azurite"
INSTALLED = Path(__file__).parents[1] / ".local" / "azurite"
_LISTENS = re.compile(r"successfully listens on (http://\S+)")

ACCOUNT = "devstoreaccount1"
# Azurite's own, the same everywhere and in its documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
WRONG_KEY = "A" * 86 + "=="


@dataclass
class AzuriteServer:
    """`url` is the account's, once it is started."""

    folder: Path
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self, port: int = 0) -> AzuriteServer:
        """Install it when it is not yet, start it and wait until it listens."""
        program = _installed()
        self.folder.mkdir(exist_ok=True)
        output = self.folder / "output.log"
        with output.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *("node", str(program), "--blobPort", str(port), "--location", str(self.folder / "data")),
                    # The storage library is newer than the emulator; what it asks for here is old.
                    *("--silent", "--disableTelemetry", "--skipApiVersionCheck"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        process = self.process

        def address() -> str | None:
            assert process.poll() is None, f"Azurite ended at once: {output.read_text()}"
            found = _LISTENS.search(output.read_text())
            return found and found[1]

        self.url = f"{eventually(address, what='Azurite')}/{ACCOUNT}"
        return self

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.split(":")[2].split("/")[0])

    def stop(self) -> None:
        """End it; what it stores stays in the folder."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def connection_string(self, key: str = KEY) -> str:
        """As the connection of an Airflow has it."""
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={self.url};"

    def connection(self, conn_type: str = "wasb", key: str = KEY) -> str:
        """The value of `AIRFLOW_CONN_...`."""
        extra = {"connection_string": self.connection_string(key)}
        return json.dumps({"conn_type": conn_type, "extra": extra})

    def container(self, name: str) -> ContainerClient:
        """A new container."""
        client = BlobServiceClient.from_connection_string(self.connection_string())
        return client.create_container(name)


def _installed() -> Path:
    """Azurite's program, of the pinned version. Skips the test when there is no npm."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm is not installed, which brings Azurite (Debian: apt-get install nodejs npm)")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        wanted, done = (PINNED / "package-lock.json").read_text(), INSTALLED / "done"
        if not done.exists() or done.read_text() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PINNED / name, INSTALLED)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(INSTALLED / "cache")]
            installed = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, check=False, timeout=240)
            assert installed.returncode == 0, installed.stdout + installed.stderr
            shutil.rmtree(INSTALLED / "cache", ignore_errors=True)
            done.write_text(wanted)
    return INSTALLED / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
