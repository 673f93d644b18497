"""Postgres and Redis from system packages, in the place of the images that the compose file names."""

from __future__ import annotations

import os
import platform
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

UNPRIVILEGED = "nobody"
"""Postgres refuses to run as root."""


def postgres_programs() -> Path | None:
    """The folder of the newest Postgres server's programs."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def missing_packages() -> list[str]:
    """What has to be installed for the topology to run here; empty when nothing has."""
    if platform.system() != "Linux":
        return ["Linux"]
    missing = [] if postgres_programs() else ["postgresql"]
    return missing if shutil.which("redis-server") and shutil.which("redis-cli") else [*missing, "redis-server"]


def postgres_identity() -> tuple[int, int]:
    """Who runs Postgres: this user, or an unprivileged one when this is root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    entry = pwd.getpwnam(UNPRIVILEGED)
    return entry.pw_uid, entry.pw_gid


def initialise_postgres(data: Path, environment: Mapping[str, str], port: int) -> None:
    """What the image's entry point does with an empty data folder: a cluster, its user, its database."""
    uid, gid = postgres_identity()
    programs = postgres_programs()
    assert programs is not None
    os.chown(data, uid, gid)
    data.chmod(0o700)
    password = data.parent / "password"
    password.write_text(environment["POSTGRES_PASSWORD"])
    os.chown(password, uid, gid)
    user, database = environment["POSTGRES_USER"], environment["POSTGRES_DB"]
    options = [f"--username={user}", f"--pwfile={password}", *shlex.split(environment["POSTGRES_INITDB_ARGS"])]

    def run(*command: str | Path, **more: str) -> None:
        identity = {} if uid == os.geteuid() else {"user": uid, "group": gid, "extra_groups": []}
        done = subprocess.run(
            [str(word) for word in command],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **more},
            cwd=data,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **identity,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run(programs / "initdb", f"--pgdata={data}", "--auth-local=trust", "--no-sync", *options)
    password.unlink()
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("unix_socket_directories = ''\n")  # the default folder is the system's own Postgres's
    flags = f"-p {port} -k {data} -c listen_addresses="
    run(programs / "pg_ctl", "-w", "-s", "-D", data, "-o", flags, "-l", data / "initdb.log", "start")
    run(programs / "createdb", "-h", data, "-p", str(port), "-U", user, database)
    run(programs / "pg_ctl", "-w", "-s", "-D", data, "-m", "fast", "stop")
