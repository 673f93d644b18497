"""`make status`: every process, its health, and where it answers."""

from __future__ import annotations

import time

from azureml_local.cli import NOT_RUNNING
from azureml_local.cli import main as azureml_local
from azureml_workspace.errors import ServiceUnavailable
from scripts.run.layout import Layout
from scripts.up import leftovers
from scripts.up.airflow_api import AirflowApi
from scripts.up.login import USER, ensure_password, password_file
from scripts.up.readiness import HEALTH
from scripts.up.state import Up, UpFiles
from scripts.up.supervisor import Supervisor


def make_status(layout: Layout) -> int:
    """Print it; the exit code is 0 also when nothing runs, because that is an answer."""
    files = UpFiles(layout)
    up = files.running()
    if up is not None:
        _show_airflow(files, up)
    else:
        orphans = leftovers.find(layout)
        note = f", but {len(orphans)} of its processes are; `make up` or `make down` ends them" if orphans else ""
        print(f"Airflow is not up{note}")
    code = azureml_local(["status", "--home", str(layout.azureml_home)])
    return 0 if code == NOT_RUNNING else code


def _show_airflow(files: UpFiles, up: Up) -> None:
    layout = files.layout
    print(f"Airflow       {up.ports.ui_url} (login {USER}, password in {layout.shown(password_file(layout))})")
    health = _health(up, ensure_password(layout))
    for process in Supervisor(files).processes():
        seconds = int(time.time() - process.since)
        age = f"pid {process.pid}, for {seconds // 60} min {seconds % 60} s" if process.pid else ""
        said = health.get(HEALTH.get(process.name, ""), "")
        print(f"  {process.name:<14} {process.state:<9} {said:<10} {age}".rstrip())


def _health(up: Up, password: str) -> dict[str, str]:
    try:
        answer = AirflowApi(up.ports.ui_url, USER, password).health()
    except ServiceUnavailable:
        return {}
    return {name: str(component.get("status") or "") for name, component in answer.items()}
