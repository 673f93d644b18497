#!/usr/bin/env bash
# Finds Python 3.11 and hands over to bootstrap.py, which makes .local/venv or finds it up to date.
#   scripts/setup.sh         what `make run` needs
#   scripts/setup.sh --dev   with the development tools
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# A user's own settings for other projects must not leak into this one's Python.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

is_311() {
  command -v "$1" >/dev/null 2>&1 &&
    "$1" -I -S -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1
}

uv_python() {
  local uv
  for uv in uv "${HOME:-/nonexistent}/.local/bin/uv"; do
    command -v "$uv" >/dev/null 2>&1 || continue
    UV_CACHE_DIR="${UV_CACHE_DIR:-$root/.local/cache/uv}" UV_PYTHON_DOWNLOADS=never \
      "$uv" python find --no-project --system 3.11 2>/dev/null && return
  done
  return 1
}

find_python() {
  local candidate pyenv="${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"
  if [ -n "${PYTHON:-}" ]; then
    if is_311 "$PYTHON"; then echo "$PYTHON"; fi
    return
  fi
  # The venv's own first: it is the quickest to find, and bootstrap.py judges whether the venv is sound.
  for candidate in "$root/.local/venv/bin/python" python3.11 python3 python \
    "$pyenv"/versions/3.11*/bin/python3.11 "${HOME:-/nonexistent}/.local/bin/python3.11" \
    /opt/homebrew/bin/python3.11 /usr/local/bin/python3.11; do
    if is_311 "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  uv_python || true
}

remedy() {
  if command -v uv >/dev/null 2>&1; then
    echo "uv python install 3.11"
  elif command -v pyenv >/dev/null 2>&1; then
    echo "pyenv install 3.11"
  elif command -v brew >/dev/null 2>&1; then
    echo "brew install python@3.11"
  elif command -v apt-cache >/dev/null 2>&1 && apt-cache show python3.11-venv >/dev/null 2>&1; then
    echo "sudo apt-get install -y python3.11 python3.11-venv"
  elif command -v dnf >/dev/null 2>&1; then
    echo "sudo dnf install -y python3.11"
  else
    echo "curl -LsSf https://astral.sh/uv/install.sh | sh && ~/.local/bin/uv python install 3.11"
  fi
}

python="$(find_python)"
if [ -z "$python" ]; then
  {
    if [ -n "${PYTHON:-}" ]; then
      echo "set-up: PYTHON is '$PYTHON', which is not a Python 3.11 that runs."
    else
      echo "set-up: found no Python 3.11 (python3 here is $(python3 -V 2>/dev/null || echo missing))."
    fi
    echo "The Azure ML SDK's dataset engine and AutoML client exist for no later version. One command mends it:"
    echo
    echo "    $(remedy)"
    echo
    echo "then run the same make command again. A Python 3.11 in an unusual place: make run PYTHON=/path/to/python3.11"
  } >&2
  exit 1
fi
exec "$python" -I -S "$root/scripts/bootstrap.py" "$@"
