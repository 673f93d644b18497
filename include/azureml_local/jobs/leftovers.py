"""What a job may leave behind when it is killed: half-made files in its folder, and its folder for temporary files."""

from __future__ import annotations

import os
import shutil
import stat
from hashlib import sha256
from pathlib import Path

from azureml_local.files import sweep_temporaries
from azureml_local.paths import Home

_LONGEST_SOCKET_PATH = 107
"""Bytes. The kernel's limit of a Unix socket's address is 108 with the zero at its end (`man 7 unix`)."""
_SOCKET_NAME = "/pymp-12345678/listener-12345678"
"""What `multiprocessing` appends to TMPDIR for the socket of its fork server."""


def temporary_folder(home: Home, run_id: str) -> Path:
    """Where the job of a run keeps temporary files (its TMPDIR). The same for every server, so nobody has to note it.

    Not in the run's own folder, whose path leaves no room for the name of a socket. In the state folder when that
    has a path short enough, else in /tmp.
    """
    inside = home.temporaries / sha256(run_id.encode()).hexdigest()[:12]
    if len(os.fsencode(inside)) + len(_SOCKET_NAME) <= _LONGEST_SOCKET_PATH:
        return inside
    # Not `tempfile.gettempdir()`, which the environment of the next server may put elsewhere.
    return Path("/tmp") / f"azureml-{sha256(os.fsencode(home.run(run_id))).hexdigest()[:16]}"  # noqa: S108


def make_temporary_folder(home: Home, run_id: str) -> Path:
    """Make it, for the owner alone. :raises OSError: it cannot be made, or somebody else has something of that name."""
    folder = temporary_folder(home, run_id)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # an earlier server was killed right after it made it
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise
    return folder


def remove_leftovers(home: Home, run_id: str) -> None:
    """Remove what the job of a run left, once all its processes are gone."""
    for folder in (home.run(run_id), home.run(run_id) / "outputs"):
        sweep_temporaries(folder)
    shutil.rmtree(temporary_folder(home, run_id), ignore_errors=True)
