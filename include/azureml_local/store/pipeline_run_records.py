"""What the parts that handle pipeline runs tell each other of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from azureml_workspace.records import PIPELINE_PARAMETERS, AutoMLSettings, PublishedPipeline, Run, StepRun
from azureml_workspace.statuses import RunStatus

PIPELINE_RUN, STEP_RUN = "pipeline", "step"
"""Values of `Run.run_type`. A step that is an AutoML run is `automl`."""

PASSED_ON = ("best_child_run_id", "best_algorithm", "best_score")
"""Properties of the AutoML run that the pipeline run has too."""
AUTOML_RUN_ID, MODEL = "automl_run_id", "model"
REGISTRATION_SCRIPT = "registration_script"
"""The property of a run in whose pipeline a script registers the model: the engine does it in the script's place."""
RESERVED_PROPERTIES = frozenset(
    {
        "pipeline_id",
        "pipeline_name",
        "pipeline_version",
        "run_source",
        "dataset",
        "label_column_name",
        "primary_metric",
        "compute_target",
        AUTOML_RUN_ID,
        MODEL,
        *PASSED_ON,
        *PIPELINE_PARAMETERS,
    }
)
"""Properties that say what is so; a submission cannot bring its own of these names."""


@dataclass(frozen=True, kw_only=True)
class NewPipelineRun:
    """A submission that was found good: what is to be done and what was said with it.

    `assignments` are the parameters as they were given, `parameters` all of them as they are in effect. `run_id` is
    None unless the run was given an id before it was submitted.
    """

    pipeline: PublishedPipeline
    settings: AutoMLSettings
    assignments: Mapping[str, str]
    parameters: Mapping[str, str]
    run_source: str
    description: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    run_id: str | None = None

    def first_properties(self) -> dict[str, str]:
        """The properties of the run from the beginning."""
        return {
            "pipeline_id": self.pipeline.pipeline_id,
            "pipeline_name": self.pipeline.name,
            "pipeline_version": str(self.pipeline.version),
            "run_source": self.run_source,
            "dataset": f"{self.settings.dataset_name}:{self.settings.dataset_version}",
            "label_column_name": self.settings.label_column_name,
            "primary_metric": self.settings.primary_metric,
            "compute_target": self.settings.compute_target,
            **self.parameters,
        }


@dataclass(frozen=True, kw_only=True)
class StoredPipelineRun:
    """One row and its steps."""

    run: Run
    pipeline_id: str
    settings: AutoMLSettings
    assignments: Mapping[str, str]
    parameters: Mapping[str, str]
    run_source: str
    description: str
    tags: Mapping[str, str]
    steps: Sequence[StepRun]

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked for it to stop."""
        return self.run.status is RunStatus.CANCEL_REQUESTED

    def has_step(self, name: str) -> bool:
        """Whether there is such a step in it."""
        return any(step.name == name for step in self.steps)

    def step(self, name: str) -> StepRun:
        """One of its steps."""
        return next(step for step in self.steps if step.name == name)


@dataclass(frozen=True, kw_only=True)
class StepStart:
    """One step, begun as a run. `started_at` is None while that waits in the queue."""

    name: str
    run_id: str
    status: RunStatus
    started_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class StepEnd:
    """How one step ended. `started_at` is for one that nobody saw at work."""

    name: str
    status: RunStatus
    error: str = ""
    started_at: datetime | None = None
