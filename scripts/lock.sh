#!/usr/bin/env bash
# Makes requirements.txt, requirements-dev.txt and docker/build-requirements.txt from their .in files. Pins that still
# fit are kept; `scripts/lock.sh --upgrade` takes the newest of everything, `--upgrade-package NAME` of one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv="$(command -v uv || echo .local/venv/bin/uv)"
[ -x "$uv" ] || { echo "lock: needs uv (https://docs.astral.sh/uv/), on PATH or in .local/venv/bin" >&2; exit 1; }

# pyproject.toml limits the lock to Linux and macOS on 3.11; saying so again on every line would hide the markers that differ.
linux="python_full_version < '3.12' and sys_platform == 'linux'"
darwin="python_full_version < '3.12' and sys_platform == 'darwin'"

for name in requirements requirements-dev docker/build-requirements; do
  "$uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-header "$@" "$name.in" -o "$name.txt"
  {
    echo "# Made from $name.in by 'make lock': every package, pinned, with the hashes of its files."
    sed "s/ ; ($darwin) or ($linux)//; s/python_full_version < '3.12' and //g" "$name.txt" | grep -v '^# Made from'
  } >"$name.txt.new"
  mv "$name.txt.new" "$name.txt"
done
