"""Submission keys on Azure, which knows none: submitting the same key again finds the run that exists.

A key is kept in two places, because neither is enough alone:

* the submitted run has it as a property (searchable by its hash) from the moment it is created;
* a small run of its own, the marker, in the experiment `airflow-submissions`. Its id is derived from the key, so it is
  found without knowing any experiment; it is written before the submission and says in which experiment to look, and
  again afterwards, when it names the run.

Whoever dies in between leaves a marker that names no run; the next one then looks for the property. A run that was
created and never started, because its submitter died right between, is cancelled after ten minutes and replaced. Two
that submit the same key at the same time find each other's run by the property after their submission: the run that was
created first stays, the other is cancelled. Azure promises no order between a write and a search, so this last guard is
as good as its index is fresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from azureml_workspace.azure_v1.history import HistoryRun, RunHistory
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.statuses import FAILED_RUN_STATUSES, RunStatus

MARKERS = "airflow-submissions"
"""The experiment that the markers are in."""
KEY_PROPERTY, HASH_PROPERTY = "airflow.submission_key", "airflow.submission_id"
_EXPERIMENT_TAG, _RUN_TAG, _PENDING = "experiment", "submitted_run", "pending"
_SPENT = FAILED_RUN_STATUSES | {RunStatus.CANCEL_REQUESTED}
_ABANDONED_AFTER = timedelta(minutes=10)


class Submissions:
    """Finds and keeps keys."""

    def __init__(self, history: RunHistory) -> None:
        self._history = history

    def find(self, key: str) -> HistoryRun | None:
        """The run of this key that may still give (or gave) a result."""
        marker = self._history.find(_marker_id(key)) if key else None
        if marker is None:
            return None
        named = marker.tags.get(_RUN_TAG, _PENDING)
        if named != _PENDING:
            run = self._history.find(named)
            return run if run is not None and run.status not in _SPENT else None
        return self._first(key, marker.tags.get(_EXPERIMENT_TAG, ""))

    def submit(self, key: str, experiment: str, submit: Callable[[], str], cancel: Callable[[str], object]) -> str:
        """The id of the run of this key, which `submit` creates when there is none.

        `submit` gives the new run `properties_of(key)` and returns its id. `cancel` is called with the id of a run that
        turned out to be the second of its key.

        :raises InvalidRequest: the key is empty.
        """
        if not key.strip():
            raise InvalidRequest("submission_key is empty; give the same key again when you repeat a submission.")
        found = self.find(key)
        if found is not None:
            return found.run_id
        for run in self._alive(key, experiment):
            if _is_abandoned(run):
                cancel(run.run_id)
        self._mark(key, experiment, _PENDING)
        run_id = submit()
        first = self._first(key, experiment)
        if first is not None and first.run_id != run_id:
            cancel(run_id)
            run_id = first.run_id
        self._mark(key, experiment, run_id)
        return run_id

    def _first(self, key: str, experiment: str) -> HistoryRun | None:
        found = [run for run in self._alive(key, experiment) if not _is_abandoned(run)]
        return min(found, key=lambda run: (run.created, run.run_id), default=None)

    def _alive(self, key: str, experiment: str) -> list[HistoryRun]:
        if not experiment:
            return []
        runs = self._history.with_property(experiment, HASH_PROPERTY, _hash(key))
        return [run for run in runs if run.status not in _SPENT]

    def _mark(self, key: str, experiment: str, run_id: str) -> None:
        marker = {
            "displayName": key[:255],
            "description": "Keeps a submission key of airflow-azureml; see its tags for the run.",
            "status": "Completed",
            "hidden": True,
            "properties": {KEY_PROPERTY: key},
            "tags": {_EXPERIMENT_TAG: experiment, _RUN_TAG: run_id},
        }
        self._history.write(MARKERS, _marker_id(key), marker)


def properties_of(key: str) -> dict[str, str]:
    """What a submitted run has to have from its creation on."""
    return {KEY_PROPERTY: key, HASH_PROPERTY: _hash(key)}


def _is_abandoned(run: HistoryRun) -> bool:
    return run.status is RunStatus.NOT_STARTED and datetime.now(UTC) - run.created > _ABANDONED_AFTER


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _marker_id(key: str) -> str:
    return f"submission-{_hash(key)}"
