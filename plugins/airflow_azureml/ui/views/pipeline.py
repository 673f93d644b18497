"""A published pipeline and its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import PublishedPipeline


@dataclass(frozen=True, kw_only=True)
class PipelineView:
    """One version of a pipeline; `versions` are all of its name, the newest first."""

    pipeline: PublishedPipeline
    versions: tuple[PublishedPipeline, ...]

    @classmethod
    def read(cls, workspace: Workspace, pipeline_id: str) -> PipelineView:
        """Ask the workspace. :raises WorkspaceError:"""
        pipeline = workspace.get_pipeline(pipeline_id)
        return cls(pipeline=pipeline, versions=tuple(workspace.list_pipelines(pipeline.name)))
