"""A published pipeline and its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.records import PublishedPipeline


@dataclass(frozen=True, kw_only=True)
class PipelineView:
    """One version of a pipeline; `versions` are all of its name, the newest first."""

    pipeline: PublishedPipeline
    versions: tuple[PublishedPipeline, ...]

    @classmethod
    def read(cls, reading: Reading, pipeline: PublishedPipeline) -> PipelineView:
        """Ask the workspace for the rest. :raises WorkspaceError:"""
        versions = reading.need(lambda workspace: workspace.list_pipelines(pipeline.name))
        return cls(pipeline=pipeline, versions=tuple(versions))
