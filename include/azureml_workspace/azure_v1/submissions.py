"""Submission keys on Azure, which knows none: submitting the same key again finds the run that exists.

A key is kept in two places, because neither is enough alone:

* the submitted run has it as a property (searchable by its hash) from the moment it is created;
* a small run of its own, the marker, in the experiment `airflow-submissions`. Its id is derived from the key, so it is
  found without knowing any experiment; it is written before the submission and says in which experiment to look, and
  again afterwards, when it names the run.

Whoever dies in between leaves a marker that names no run; the next one then looks for the property. Two that submit the
same key at the same time find each other's run by the property after their submission: the run that was created first
stays, the other is cancelled. Azure promises no order between a write and a search, so this last guard is as good as
its index is fresh.

An AutoML run is created with one request and started with another, and Azure shows no difference until it works. So one
that has not started and that no marker names may be somebody's submission under way, or one that died between the two
requests: it is waited for, and after ten minutes it is cancelled and replaced. The SDK repeats the first request when
its answer is lost, which may leave a second run that nobody starts; all runs of one attempt have a property that says
so, and only the one that was started counts.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from azureml_workspace.azure_v1.history import HistoryRun, RunHistory
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, WorkspaceError
from azureml_workspace.statuses import FAILED_RUN_STATUSES, RunStatus

logger = logging.getLogger(__name__)

MARKERS = "airflow-submissions"
"""The experiment that the markers are in."""
KEY_PROPERTY, HASH_PROPERTY = "airflow.submission_key", "airflow.submission_id"
ATTEMPT_PROPERTY = "airflow.submission_attempt"
_EXPERIMENT_TAG, _RUN_TAG, _PENDING = "experiment", "submitted_run", "pending"
_SPENT = FAILED_RUN_STATUSES | {RunStatus.CANCEL_REQUESTED}
_ABANDONED_AFTER = timedelta(minutes=10)
_STARTED_BY_ANOTHER_REQUEST = "automl"
"""The kind of run."""

Submit = Callable[[Mapping[str, str]], str]
"""Submits a run that has these properties from its creation on; gives its id."""
Cancel = Callable[[str], object]


class Submissions:
    """Finds and keeps keys."""

    def __init__(self, history: RunHistory) -> None:
        self._history = history

    def find(self, key: str) -> HistoryRun | None:
        """The run of this key that may still give (or gave) a result, also one that may never be started."""
        return self._found(key, self._marker(key))

    def submitted(self, key: str) -> HistoryRun | None:
        """The same, for who submits when there is none.

        :raises ServiceUnavailable: there is one that may be somebody's submission under way.
        """
        return self._submitted(key, self._marker(key))

    def submit(self, key: str, experiment: str, submit: Submit, cancel: Cancel) -> str:
        """The id of the run of this key, which `submit` makes when there is none.

        `cancel` is called with the ids of runs that turn out to be the second of their key, or never to be started.

        :raises InvalidRequest: the key is empty.
        :raises ServiceUnavailable: as `submitted`.
        """
        if not key.strip():
            raise InvalidRequest("submission_key is empty; give the same key again when you repeat a submission.")
        marker = self._marker(key)
        found = self._submitted(key, marker)
        if found is not None:
            return found.run_id
        for run in filter(_is_abandoned, self._alive(key, experiment)):
            cancel(run.run_id)
        self._mark(key, experiment, is_there=marker is not None)
        attempt = uuid4().hex
        try:
            run_id = submit({**properties_of(key), ATTEMPT_PROPERTY: attempt})
        except WorkspaceError:
            self._clean_up(key, experiment, attempt, cancel)
            raise
        run_id = self._of_several(key, experiment, run_id, attempt, cancel)
        self._note(key, experiment, run_id)
        return run_id

    def _of_several(self, key: str, experiment: str, run_id: str, attempt: str, cancel: Cancel) -> str:
        """The id of the run that stays, which may be another than the one that was just submitted."""
        alive = self._alive(key, experiment)
        second = [run for run in alive if run.properties.get(ATTEMPT_PROPERTY) == attempt and run.run_id != run_id]
        _cancel_unstarted(second, cancel)
        first = _first(run for run in alive if run not in second)
        if first is None or first.run_id == run_id:
            return run_id
        cancel(run_id)
        _require_started(first)
        return first.run_id

    def _clean_up(self, key: str, experiment: str, attempt: str, cancel: Cancel) -> None:
        """After an attempt that failed: another need not wait until the run is old enough that this one left."""
        try:
            alive = self._alive(key, experiment)
        except WorkspaceError as error:
            logger.warning("Whether a submission that failed left a run is not known: %s", error)
            return
        left = [run for run in alive if run.properties.get(ATTEMPT_PROPERTY) == attempt and _may_never_start(run)]
        _cancel_unstarted(left, cancel)

    def _marker(self, key: str) -> HistoryRun | None:
        return self._history.find(_marker_id(key)) if key else None

    def _found(self, key: str, marker: HistoryRun | None) -> HistoryRun | None:
        if marker is None:
            return None
        if _is_pending(marker):
            return _first(self._alive(key, marker.tags.get(_EXPERIMENT_TAG, "")))
        run = self._history.find(marker.tags[_RUN_TAG])
        return run if run is not None and run.status not in _SPENT else None

    def _submitted(self, key: str, marker: HistoryRun | None) -> HistoryRun | None:
        found = self._found(key, marker)
        if found is not None and marker is not None and _is_pending(marker):
            _require_started(found)
        return found

    def _alive(self, key: str, experiment: str) -> list[HistoryRun]:
        if not experiment:
            return []
        runs = self._history.with_property(experiment, HASH_PROPERTY, _hash(key))
        return [run for run in runs if run.status not in _SPENT]

    def _mark(self, key: str, experiment: str, *, is_there: bool) -> None:
        if is_there:
            self._note(key, experiment, _PENDING)
            return
        marker = {
            "displayName": key[:255],
            "description": "Keeps a submission key of airflow-azureml; see its tags for the run.",
            "status": "Completed",
            "hidden": True,
            "properties": {KEY_PROPERTY: key},
            "tags": {_EXPERIMENT_TAG: experiment, _RUN_TAG: _PENDING},
        }
        self._history.write(MARKERS, _marker_id(key), marker)

    def _note(self, key: str, experiment: str, run_id: str) -> None:
        """Tags alone: the status of a run that has ended and its properties are not written again."""
        self._history.write(MARKERS, _marker_id(key), {"tags": {_EXPERIMENT_TAG: experiment, _RUN_TAG: run_id}})


def properties_of(key: str) -> dict[str, str]:
    """What a submitted run has to have from its creation on."""
    return {KEY_PROPERTY: key, HASH_PROPERTY: _hash(key)}


def _first(runs: Iterable[HistoryRun]) -> HistoryRun | None:
    """The one that stays: of each attempt the run that was started, of different attempts what was created first.

    By the moment of creation, which never changes, so that two submitters come to the same end.
    """
    alive = [run for run in runs if not _is_abandoned(run)]
    started = {run.properties.get(ATTEMPT_PROPERTY) for run in alive if not _may_never_start(run)}
    counting = [
        run for run in alive if not _may_never_start(run) or run.properties.get(ATTEMPT_PROPERTY) not in started
    ]
    return min(counting, key=lambda run: (run.created, run.run_id), default=None)


def _is_pending(marker: HistoryRun) -> bool:
    return marker.tags.get(_RUN_TAG, _PENDING) == _PENDING


def _may_never_start(run: HistoryRun) -> bool:
    return run.kind == _STARTED_BY_ANOTHER_REQUEST and run.status is RunStatus.NOT_STARTED


def _is_abandoned(run: HistoryRun) -> bool:
    return _may_never_start(run) and datetime.now(UTC) - run.created > _ABANDONED_AFTER


def _require_started(run: HistoryRun) -> None:
    """:raises ServiceUnavailable: whether it is going to be, only time tells."""
    if _may_never_start(run):
        until = run.created + _ABANDONED_AFTER
        raise ServiceUnavailable(
            f"a submission of the same key is under way: it created run {run.run_id}, which is {run.status.value}. "
            f"Ask again; when nobody has started it at {until:%H:%M:%S} UTC, it is replaced.",
            retry_after=max(0.0, (until - datetime.now(UTC)).total_seconds()) + 1,
        )


def _cancel_unstarted(runs: Iterable[HistoryRun], cancel: Cancel) -> None:
    """What was never started costs nothing, so no submission fails because of it."""
    for run in runs:
        try:
            cancel(run.run_id)
        except WorkspaceError as error:
            logger.warning("Run %s, which nobody starts, is not cancelled: %s", run.run_id, error)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _marker_id(key: str) -> str:
    return f"submission-{_hash(key)}"
