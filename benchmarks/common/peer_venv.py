"""Environments of peers whose pins clash with ours: one each under `.local/bench/venvs`, made when first needed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.common.places import REPOSITORY, WORK


def peer_python(name: str, requirements: Path) -> Path:
    """The Python of the environment `name`, made from `requirements` or found up to date.

    An interrupted set-up leaves no marker behind, so it is begun anew.
    """
    folder = WORK / "venvs" / name
    marker = folder / "installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if not (marker.exists() and marker.read_text() == wanted and python.exists()):
        print(f"Making the environment of {name} in {folder.relative_to(REPOSITORY)} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        environment = os.environ | {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(_cache()))}
        uv = _uv()
        for command in (
            [uv, "venv", "-q", "--no-project", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "-q", "--python", str(python), "-r", str(requirements)],
        ):
            subprocess.run(command, check=True, env=environment)
        marker.write_text(wanted)
    return python


def peer_versions(python: Path, *packages: str) -> str:
    """The named packages as installed in a peer's environment, in one line."""
    code = "import sys, json, importlib.metadata as m; print(json.dumps({p: m.version(p) for p in sys.argv[1:]}))"
    done = subprocess.run([str(python), "-c", code, *packages], capture_output=True, text=True, check=True)
    return ", ".join(f"{name} {version}" for name, version in json.loads(done.stdout).items())


def _cache() -> Path:
    return REPOSITORY / ".local" / "cache" / "uv"


def _uv() -> str:
    beside_python = Path(sys.executable).with_name("uv")
    found = shutil.which("uv") or (str(beside_python) if beside_python.exists() else None)
    if found:
        return found
    own = WORK / "venvs" / "uv"
    subprocess.run([sys.executable, "-m", "venv", str(own)], check=True)
    subprocess.run([str(own / "bin" / "python"), "-m", "pip", "install", "-q", "uv"], check=True)
    return str(own / "bin" / "uv")
