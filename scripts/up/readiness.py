"""Is it all up? What Airflow and the local Azure ML say of themselves, and what is still to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from azureml_local.paths import Home
from azureml_local.server.instance import ServerInfo
from azureml_workspace.errors import ServiceUnavailable
from scripts.run.layout import Layout
from scripts.up.airflow_api import AirflowApi
from scripts.up.components import AZUREML

HEALTH = {
    "api-server": "metadatabase",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
    "scheduler": "scheduler",
}
"""The components of Airflow, and what `/monitor/health` calls them."""


@dataclass(frozen=True)
class LoadedDag:
    """A DAG as a person finds it in the UI; `schedule` is empty for one that only a person or an API call starts."""

    dag_id: str
    schedule: str
    description: str
    is_paused: bool


@dataclass
class Readiness:
    """How far the start is. `import_errors` are by file; `missing` are DAG files that nothing is known of yet."""

    healthy: dict[str, bool] = field(default_factory=dict)
    dags: list[LoadedDag] = field(default_factory=list)
    import_errors: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    dags_known: bool = False

    @property
    def is_healthy(self) -> bool:
        """Whether every component answers."""
        return bool(self.healthy) and all(self.healthy.values())

    @property
    def is_complete(self) -> bool:
        """Whether every DAG file was read too."""
        return self.is_healthy and self.dags_known and not self.missing


def look(layout: Layout, api: AirflowApi, since: float) -> Readiness:
    """How it stands now; heartbeats and parsed files from before `since` (Unix seconds) do not count."""
    readiness = Readiness(healthy={AZUREML: ServerInfo.read(Home(layout.azureml_home)) is not None})
    try:
        health = api.health()
        readiness.healthy |= {name: _beats(health.get(key), since) for name, key in HEALTH.items()}
        if readiness.is_healthy:
            _look_at_dags(readiness, layout, api, since)
    except ServiceUnavailable:
        readiness.healthy |= {name: readiness.healthy.get(name, False) for name in HEALTH}
    return readiness


def dag_files(layout: Layout) -> list[Path]:
    """The files that Airflow parses: those that name it and DAGs, by its own rule of thumb."""
    found = []
    for path in sorted(layout.dags.rglob("*.py")):
        text = path.read_text(errors="replace").lower()
        if "dag" in text and "airflow" in text:
            found.append(path)
    return found


def _beats(component: Mapping[str, Any] | None, since: float) -> bool:
    if component is None or component.get("status") != "healthy":
        return False
    beats = [value for name, value in component.items() if name.startswith("latest_") and value]
    return all(_timestamp(beat) >= since for beat in beats)


def _look_at_dags(readiness: Readiness, layout: Layout, api: AirflowApi, since: float) -> None:
    errors = api.get("/importErrors", limit=100)["import_errors"]
    current = [error for error in errors if _timestamp(error["timestamp"]) >= since]
    dags = api.get("/dags", limit=100)["dags"]
    parsed = {
        dag["fileloc"] for dag in dags if dag["last_parsed_time"] and _timestamp(dag["last_parsed_time"]) >= since
    }
    told = parsed | {str(layout.dags / error["filename"]) for error in current}
    readiness.import_errors = {error["filename"]: error["stack_trace"] for error in current}
    readiness.missing = [layout.shown(path) for path in dag_files(layout) if str(path) not in told]
    readiness.dags = [
        LoadedDag(
            dag_id=dag["dag_id"],
            schedule=dag.get("timetable_summary") or "",
            description=dag.get("description") or "",
            is_paused=bool(dag["is_paused"]),
        )
        for dag in dags
        if not dag["is_stale"]
    ]
    readiness.dags_known = True


def _timestamp(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
