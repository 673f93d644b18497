"""All published pipelines, and what ran lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_azureml.ui.views.kept import Kept
from azureml_workspace.errors import NotFound
from azureml_workspace.records import Run

if TYPE_CHECKING:
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import PublishedPipeline

_RUNS: Kept[Run] = Kept(1000)
"""Those that have ended."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run, and the task that submitted it."""

    submitted: Any
    run: Run

    @property
    def pipeline(self) -> str:
        """Its pipeline and version, as far as the run says."""
        name, version = (self.run.properties.get(f"pipeline_{part}") for part in ("name", "version"))
        return f"{name} version {version}" if name and version else name or ""

    @property
    def seconds(self) -> float | None:
        """How long it worked; None until it has ended."""
        if self.run.started_at is None or self.run.ended_at is None:
            return None
        return (self.run.ended_at - self.run.started_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class PipelinesView:
    """Pipelines by name, the newest version first; runs the newest first."""

    pipelines: tuple[PublishedPipeline, ...]
    runs: tuple[RunRow, ...]
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, reading: Reading, submitted: Sequence[Any]) -> PipelinesView:
        """Ask the workspace for the pipelines, and for the runs of `submitted`. :raises WorkspaceError:"""
        pipelines = reading.need(lambda workspace: workspace.list_pipelines())
        rows = []
        for each in submitted:
            run = _run(reading, each.run_id)
            if run is not None:
                rows.append(RunRow(submitted=each, run=run))
        return cls(pipelines=tuple(pipelines), runs=tuple(rows), missing=reading.missing)


def _run(reading: Reading, run_id: str) -> Run | None:
    key = (reading.source, run_id)
    kept = _RUNS.get(key)
    if kept is not None or "runs" in reading.missing:
        return kept

    def read(workspace: Workspace) -> Run | None:
        try:
            return workspace.get_run(run_id)
        except NotFound:
            return None

    found = reading.part("runs", read)
    if found is not None and found.status.is_terminal:
        _RUNS.keep(key, found)
    return found
