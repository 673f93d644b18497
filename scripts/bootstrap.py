"""Make the project's virtual environment in `.local/venv`, or find at once that it is up to date.

Only the standard library: it runs before anything is installed. The environment is stamped with a hash of everything
that decides its content; an interrupted install leaves its mark, and the next one starts afresh, with its downloads.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

UV_VERSION = "0.13.8"
"""The uv that is installed into the environment where none is on PATH."""

RUN_INPUTS = ("requirements.txt", "requirements.in", "pyproject.toml")
DEV_INPUTS = (*RUN_INPUTS, "requirements-dev.txt")
PACKAGE_FOLDERS = ("include", "plugins")


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything of the set-up lives in a checkout."""

    root: Path

    @property
    def local(self) -> Path:
        """The ignored folder that holds all state."""
        return self.root / ".local"

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.local / "venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.venv / "bin" / "python"

    @property
    def unfinished(self) -> Path:
        """There while an install is under way; outside the venv, so that it outlives a half-removed one."""
        return self.local / "setup-unfinished"

    def stamp(self, *, dev: bool) -> Path:
        """Holds the hash of what was installed."""
        return self.venv / ("stamp-dev" if dev else "stamp-run")


def fingerprint(layout: Layout, *, dev: bool) -> str:
    """What the stamp of an up-to-date environment reads: the checkout's folder, and SHA-256 over the inputs."""
    digest = hashlib.sha256()
    for name in DEV_INPUTS if dev else RUN_INPUTS:
        digest.update(f"{name}\0".encode() + (layout.root / name).read_bytes() + b"\0")
    # An editable install knows the packages that there were: without this, a new one could not be imported.
    packages = sorted(str(path.parent.relative_to(layout.root)) for path in _package_files(layout))
    digest.update("\0".join(packages).encode())
    return f"{layout.root}\n{digest.hexdigest()}"


def _package_files(layout: Layout) -> Iterator[Path]:
    for folder in PACKAGE_FOLDERS:
        yield from (layout.root / folder).glob("*/__init__.py")


def was_moved(layout: Layout) -> bool:
    """Whether the checkout stood elsewhere when the environment was made: its scripts still point there."""
    stamps = [layout.stamp(dev=dev) for dev in (False, True)]
    return any(stamp.exists() and stamp.read_text().partition("\n")[0] != str(layout.root) for stamp in stamps)


def is_fresh(layout: Layout, *, dev: bool) -> bool:
    """Whether the environment holds exactly what is asked for."""
    stamp = layout.stamp(dev=dev)
    if layout.unfinished.exists() or not layout.python.exists() or not stamp.exists():
        return False
    return stamp.read_text() == fingerprint(layout, dev=dev)


class Reporter:
    """Says what is being done, with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, message: str) -> None:
        """One line on standard error, which `make` never redirects."""
        print(f"set-up {time.monotonic() - self._started:5.1f} s  {message}", file=sys.stderr, flush=True)


@contextmanager
def only_one(layout: Layout, reporter: Reporter) -> Iterator[None]:
    """Hold the checkout's set-up lock; the kernel lets go of it however this process ends."""
    layout.local.mkdir(parents=True, exist_ok=True)
    with (layout.local / "setup.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.say("another set-up of this checkout is at work; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tool_environment(layout: Layout, environ: Mapping[str, str], pip_settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv and pip: caches inside the checkout, and pip's registry made known to uv.

    uv reads none of pip's settings, so a user whose registry is configured for pip alone would fall back to the
    public one. Mixing indexes is safe here because the lock holds a hash for every file.
    """
    env = {key: value for key, value in environ.items() if key not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    env.setdefault("UV_CACHE_DIR", str(layout.local / "cache" / "uv"))
    env.setdefault("PIP_CACHE_DIR", str(layout.local / "cache" / "pip"))
    env.setdefault("UV_HTTP_TIMEOUT", "120")
    env["PIP_USER"] = "0"
    if any(name in env for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")):
        return env
    if "index-url" in pip_settings:
        env["UV_DEFAULT_INDEX"] = pip_settings["index-url"]
    extra = [url for url in pip_settings.get("extra-index-url", "").split() if url.startswith(("http://", "https://"))]
    if extra:
        env["UV_INDEX"] = " ".join(extra)
        env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if "trusted-host" in pip_settings:
        env.setdefault("UV_INSECURE_HOST", pip_settings["trusted-host"])
    if "cert" in pip_settings:
        env.setdefault("SSL_CERT_FILE", pip_settings["cert"])
    return env


def parse_pip_settings(listing: str) -> dict[str, str]:
    """Settings by name out of `pip config list` (`global.index-url='https://...'`); PIP_* variables win, as in pip."""
    settings: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda text: text.startswith(":env:")):
        key, separator, value = line.partition("=")
        if separator:
            words = shlex.split(value.replace("\\n", " "))
            settings[key.rpartition(".")[2]] = " ".join(words)
    return settings


def pip_settings(python: str) -> dict[str, str]:
    """What pip is configured to use on this machine, from its files and PIP_* variables; empty without pip."""
    command = [python, "-I", "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    return parse_pip_settings(listing.stdout) if listing.returncode == 0 else {}


class Installer:
    """Installs into the checkout's environment, with uv from PATH or one put into the environment itself."""

    def __init__(self, layout: Layout, reporter: Reporter, python: str) -> None:
        self._layout = layout
        self._reporter = reporter
        self._python = python
        self._env = tool_environment(layout, os.environ, pip_settings(python))
        self._uv = shutil.which("uv")

    def install(self, *, dev: bool) -> None:
        """Bring the environment to what the lock says, and stamp it.

        :raises SetupError: a step failed; the tool's own words are already on the terminal.
        """
        layout = self._layout
        hashes = {mode: fingerprint(layout, dev=mode) for mode in ((False, True) if dev else (False,))}
        reason = self._reason_to_rebuild()
        layout.unfinished.touch()
        if reason:
            self._reporter.say(f"{reason}: starting afresh")
            shutil.rmtree(layout.venv)
        for mode in (False, True):
            layout.stamp(dev=mode).unlink(missing_ok=True)
        if not layout.python.exists():
            self._create()
        self._install_packages(dev=dev)
        self._reporter.say("installing this project, editable")
        project = ["--no-deps", "--reinstall-package", "airflow-azureml", "--editable", str(layout.root)]
        self._run([self._find_uv(), "pip", "install", "-q", "--python", str(layout.python), *project])
        for mode, value in hashes.items():
            layout.stamp(dev=mode).write_text(value)
        layout.unfinished.unlink()

    def _reason_to_rebuild(self) -> str:
        if not self._layout.venv.exists():
            return ""
        if self._layout.unfinished.exists():
            return "the last set-up was interrupted"
        if was_moved(self._layout):
            return "the project was moved"
        return "" if self._runs() else "the environment's Python is gone"

    def _runs(self) -> bool:
        check = [str(self._layout.python), "-I", "-S", "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))"]
        try:
            return subprocess.run(check, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def _create(self) -> None:
        self._reporter.say(f"creating {self._layout.venv} with {self._python}")
        if self._uv:
            self._run([self._uv, "venv", "-q", "--no-project", "--python", self._python, str(self._layout.venv)])
            return
        try:
            self._run([self._python, "-I", "-m", "venv", str(self._layout.venv)])
        except SetupError as error:
            raise SetupError(
                "this Python cannot make a virtual environment. On Debian and Ubuntu one command mends it:\n\n"
                "    sudo apt-get install -y python3.11-venv\n"
            ) from error

    def _find_uv(self) -> str:
        if self._uv is None:
            self._uv = str(self._layout.venv / "bin" / "uv")
            if not Path(self._uv).exists():
                self._reporter.say(f"no uv on PATH: installing uv {UV_VERSION} into the environment")
                self._run([str(self._layout.python), "-I", "-m", "pip", "install", "-q", f"uv=={UV_VERSION}"])
        return self._uv

    def _install_packages(self, *, dev: bool) -> None:
        names = ["requirements.txt"] + (["requirements-dev.txt"] if dev else [])
        uv = self._find_uv()
        self._reporter.say(f"installing {' and '.join(names)} (the first time downloads about 350 MB)")
        command = [uv, "pip", "install", "--python", str(self._layout.python)]
        for name in names:
            command += ["-r", str(self._layout.root / name)]
        self._run(command)

    def _run(self, command: list[str]) -> None:
        # From this project's folder: uv reads the settings of whatever project it is called in.
        tool = subprocess.Popen(
            command, env=self._env, cwd=self._layout.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        with tool:
            said = list(self._relay(tool.stdout or ()))
        if tool.returncode != 0:
            raise SetupError(
                f"{''.join(said[-40:])}\nthis step failed (exit code {tool.returncode}): {shlex.join(command)}\n"
                "If it could not reach the package registry, check the connection or name one with PIP_INDEX_URL or "
                "UV_DEFAULT_INDEX; then run the same make command again: it takes up what is there."
            )

    def _relay(self, lines: Iterable[str]) -> Iterator[str]:
        # uv names each of 270 packages twice; a person wants to see that it moves and how far it is.
        for line in lines:
            if line.startswith(("Downloading ", "Prepared ", "Installed ")):
                self._reporter.say(f"  {line.strip()}")
            yield line


def set_up(layout: Layout, *, dev: bool) -> None:
    """Make the environment match the lock; does nothing when it does already.

    :raises SetupError: a step failed.
    """
    if is_fresh(layout, dev=dev):
        return
    reporter = Reporter()
    with only_one(layout, reporter):
        if is_fresh(layout, dev=dev):
            return
        # Inside the venv that may be removed, sys.executable would be gone half-way; its base stays.
        base = getattr(sys, "_base_executable", sys.executable)
        Installer(layout, reporter, base).install(dev=dev)
        reporter.say("ready")


def main() -> int:
    """Exit code 0 when the environment is ready."""
    parser = argparse.ArgumentParser(description="Make the project's virtual environment in .local/venv.")
    parser.add_argument("--dev", action="store_true", help="with the development tools")
    arguments = parser.parse_args()
    try:
        set_up(Layout(root=Path(__file__).resolve().parent.parent), dev=arguments.dev)
    except SetupError as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted. Run the same make command again; what was downloaded is kept.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
