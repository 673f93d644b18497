"""The thread that submits what the schedules say.

It submits while the server lives. What fell due while there was none is left out: the next run is the next that is due.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from azureml_local.azure_api.pipelines.endpoints import PipelineEndpoints
from azureml_local.azure_api.pipelines.schedules import ActiveSchedule, Schedules
from azureml_local.azure_api.pipelines.submission import Submissions
from azureml_local.azure_api.surface import Surface
from azureml_local.background import BackgroundLoop
from azureml_local.troubles import TroubleLog
from azureml_workspace.errors import WorkspaceError

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class Scheduler:
    """Submits what is due, in the background."""

    def __init__(self, surface: Surface, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._schedules = Schedules(surface, now)
        self._submissions = Submissions(surface, PipelineEndpoints(surface))
        self._now = now
        self._troubles = TroubleLog(logger)
        self._loop = BackgroundLoop("schedules", self.step, self._troubles)

    def start(self) -> None:
        """Begin with what is due from now on."""
        now = self._now()
        for schedule in self._schedules.active():
            if schedule.due < now:
                self._schedules.put_off(schedule, now)
        self._loop.start()

    def stop(self) -> None:
        """End, after the submission at hand."""
        self._loop.stop()

    def step(self) -> float:
        """Submit what is due; gives the seconds until the next look.

        A schedule at which something goes wrong that nobody foresaw stays due, and does not stop the others.
        """
        now = self._now()
        for schedule in self._schedules.active():
            if schedule.due <= now:
                self._troubles.attempt(f"schedule {schedule.key}", partial(self._run, schedule, now))
        return POLL_SECONDS

    def _run(self, schedule: ActiveSchedule, now: datetime) -> None:
        body = schedule.submission()
        try:
            if schedule.pipeline_id is not None:
                run = self._submissions.to_pipeline(schedule.pipeline_id, body, schedule_id=schedule.key)
            else:
                run = self._submissions.to_endpoint(schedule.endpoint_id, None, body, schedule_id=schedule.key)
        except WorkspaceError as error:
            logger.warning("schedule %s %s: nothing submitted: %s", schedule.key, schedule.due.isoformat(), error)
        else:
            logger.info("schedule %s %s: run %s", schedule.key, schedule.due.isoformat(), run.run_id)
        self._schedules.put_off(schedule, now)
