"""The login of the Airflow UI: one administrator, with a password made on first start."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from scripts.run.layout import Layout

USER = "admin"


def password_file(layout: Layout) -> Path:
    """Airflow's SimpleAuthManager reads it; mode 0600."""
    return layout.airflow_home / "passwords.json"


def ensure_password(layout: Layout) -> str:
    """The administrator's password, made when there is none."""
    path = password_file(layout)
    if path.exists():
        return str(json.loads(path.read_text())[USER])
    password = secrets.token_urlsafe(12)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({USER: password}, file)
    beside.replace(path)
    return password
