#!/usr/bin/env bash
# Plays uv for the set-up's tests: notes how it was called; `venv` makes a folder with a Python; installing waits for
# the file $FAKE_UV_GO when that is set, and fails when $FAKE_UV_FAIL is.
set -euo pipefail
echo "$*" >>"$FAKE_UV_CALLS"
case "$1" in
venv)
  target="${!#}"
  mkdir -p "$target/bin"
  ln -s "$FAKE_UV_PYTHON" "$target/bin/python"
  ;;
pip)
  if [ -n "${FAKE_UV_FAIL:-}" ]; then
    echo "error: Failed to fetch: https://pypi.org/simple/rich/" >&2
    exit 2
  fi
  if [ -n "${FAKE_UV_GO:-}" ]; then
    until [ -e "$FAKE_UV_GO" ]; do sleep 0.02; done
  fi
  echo "Downloading rich (1.0MiB)" >&2
  echo " + rich==15.0.0" >&2
  ;;
esac
