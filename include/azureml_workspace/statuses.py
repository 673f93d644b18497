"""Statuses as Azure ML names them, with the sets that code branches on.

A status this version does not know is never guessed at: `parse`, and reading a record, give `UNKNOWN`, which is
neither terminal nor active-by-name, and waiting code treats it as "keep polling until the deadline".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class _OpenEnum(StrEnum):
    """Its members and, for any other text, its `UNKNOWN`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls["UNKNOWN"] if isinstance(value, str) else None


class RunStatus(_OpenEnum):
    """Status of a run or child run (azureml-core `RunStatus`)."""

    NOT_STARTED = "NotStarted"
    QUEUED = "Queued"
    PREPARING = "Preparing"
    RUNNING = "Running"
    FINALIZING = "Finalizing"
    CANCEL_REQUESTED = "CancelRequested"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"
    UNKNOWN = "Unknown"

    @classmethod
    def parse(cls, text: str) -> RunStatus:
        """The status named `text`, or UNKNOWN."""
        return cls(text)

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended; an unknown status has not."""
        return self in TERMINAL_RUN_STATUSES


TERMINAL_RUN_STATUSES = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELED})
FAILED_RUN_STATUSES = frozenset({RunStatus.FAILED, RunStatus.CANCELED})
ACTIVE_RUN_STATUSES = frozenset(
    {
        RunStatus.NOT_STARTED,
        RunStatus.QUEUED,
        RunStatus.PREPARING,
        RunStatus.RUNNING,
        RunStatus.FINALIZING,
        RunStatus.CANCEL_REQUESTED,
    }
)


class ServiceState(_OpenEnum):
    """State of a web service (azureml-core `Webservice.state`)."""

    TRANSITIONING = "Transitioning"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    FAILED = "Failed"
    UNKNOWN = "Unknown"

    @classmethod
    def parse(cls, text: str) -> ServiceState:
        """The state named `text`, or UNKNOWN."""
        return cls(text)


SETTLED_SERVICE_STATES = frozenset({ServiceState.HEALTHY, ServiceState.UNHEALTHY, ServiceState.FAILED})
FAILED_SERVICE_STATES = frozenset({ServiceState.UNHEALTHY, ServiceState.FAILED})


class PipelineStatus(_OpenEnum):
    """Status of a published pipeline (azureml-pipeline-core `PublishedPipeline.status`)."""

    ACTIVE = "Active"
    DISABLED = "Disabled"
    UNKNOWN = "Unknown"
