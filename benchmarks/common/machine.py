"""On what, with what and when something was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.common.places import REPOSITORY


def machine() -> str:
    """The machine in one line."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores usable, {memory:.0f} GB, {platform.system()} "
        f"{platform.release()}, load average {load:.1f} when it was written"
    )


def versions(*packages: str) -> str:
    """Python and the named packages as installed here, in one line."""
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def revision() -> str:
    """The commit that is checked out, and whether the working tree differs from it."""
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{commit} with local changes" if _git("status", "--porcelain", "--untracked-files=no") else commit


def now() -> str:
    """Date and time in UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def cores() -> list[int]:
    """The cores this process may use."""
    return sorted(os.sched_getaffinity(0))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
