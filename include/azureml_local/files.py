"""Files that another process may read: written beside their place and renamed, so nobody sees half of one."""

from __future__ import annotations

import os
import shutil
import uuid
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

TEMPORARY_PREFIX = ".tmp-"
_TAIL_BYTES = 1024 * 1024


def temporary_sibling(path: Path) -> Path:
    """A fresh name in the folder of `path`, on the same file system, that a sweep recognises as half-made."""
    return path.parent / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `content` in one step. The file has `mode` before a byte of it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, mode: int = 0o644) -> None:
    """Replace `path` by the JSON of `value` (plain types, records and dataclasses) in one step."""
    write_bytes(path, msgspec.json.format(msgspec.json.encode(value), indent=2), mode=mode)


def read_json(path: Path) -> Any | None:
    """What `path` holds, or None when it does not exist or holds no JSON (a file we did not write)."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def tail_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines of a log, without line ends, looking at its last megabyte; a missing log has none."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return list(deque(text.splitlines(), maxlen=max(0, count)))


def remove_tree(path: Path) -> None:
    """Remove a folder for good. It is renamed first, so that a crash half-way leaves only what a sweep removes."""
    doomed = temporary_sibling(path)
    try:
        path.replace(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def sweep_temporaries(folder: Path) -> int:
    """Remove everything half-made directly inside `folder`; gives how many there were."""
    if not folder.is_dir():
        return 0
    leftovers = [entry for entry in folder.iterdir() if entry.name.startswith(TEMPORARY_PREFIX)]
    for entry in leftovers:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return len(leftovers)
