"""Make `.env` for docker-compose.yaml out of `.env.example`, with random secrets: `python -m scripts.make_env`.

Only the standard library: it has to run where nothing but Docker is installed. What `.env` says already stays as it
is; variables that a newer `.env.example` added are appended.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FERNET_KEY = "AIRFLOW_FERNET_KEY"


def new_secret(name: str) -> str:
    """A random value of 256 bits that may stand in an address; a Fernet key has a form of its own."""
    if name == FERNET_KEY:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(32)


def variables(text: str) -> dict[str, str]:
    """The variables that are set, by name; comments and empty lines are none."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def filled(template: str) -> str:
    """The example with a secret after every bare `NAME=`."""
    lines = (f"{line}{new_secret(line[:-1])}" if _is_empty(line) else line for line in template.splitlines())
    return "\n".join(lines) + "\n"


def missing(template: str, text: str) -> list[str]:
    """Variables of the example that the text does not set, in the example's order."""
    return [name for name in variables(template) if name not in variables(text)]


def make_env(folder: Path) -> list[str]:
    """Make `.env` in `folder`, or add what it lacks; gives the names of what was added."""
    template = (folder / ".env.example").read_text(encoding="utf-8")
    path = folder / ".env"
    if not path.exists():
        _write(path, filled(template))
        return list(variables(template))
    text = path.read_text(encoding="utf-8")
    added = missing(template, text)
    if added:
        values = variables(filled(template))
        _write(path, _with_line_end(text) + "".join(f"{name}={values[name]}\n" for name in added))
    return added


def make_data_folder(folder: Path) -> None:
    """The folder that the workers see: Docker would make it as root, and then nobody else could put a file in."""
    named = variables((folder / ".env").read_text(encoding="utf-8")).get("DATA_FOLDER") or "data"
    (folder / named).mkdir(parents=True, exist_ok=True)


def main(arguments: Iterable[str] | None = None) -> int:
    """Exit code 0 when `.env` is complete."""
    parser = argparse.ArgumentParser(prog="python -m scripts.make_env", description="Make .env with random secrets.")
    parser.add_argument("--folder", type=Path, default=ROOT, help="where .env.example is (default: this checkout)")
    folder: Path = parser.parse_args(None if arguments is None else list(arguments)).folder
    try:
        added = make_env(folder)
        make_data_folder(folder)
    except OSError as error:
        print(f"make env: {error}", file=sys.stderr)
        return 1
    print(f"{folder / '.env'}: {'added ' + ', '.join(added) if added else 'complete, nothing was changed'}")
    return 0


def _is_empty(line: str) -> bool:
    name, _, value = line.partition("=")
    return line.endswith("=") and not value and name.isidentifier()


def _with_line_end(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _write(path: Path, text: str) -> None:
    """Beside its place and renamed, so that no half-written file takes the old one's secrets along."""
    new = path.with_name(f".env.{os.getpid()}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
