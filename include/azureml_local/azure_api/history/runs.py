"""Every run there is, as run history's documents: the engine's, and those that SDK scripts make themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.history.experiments import Experiments, experiment_id
from azureml_local.azure_api.history.filters import EVERY_RUN, Filter
from azureml_local.azure_api.history.shapes import (
    SCRIPT_TYPE,
    automl_run,
    child_run,
    document,
    error_of,
    pipeline_or_step_run,
)
from azureml_local.azure_api.pipelines import nodes_of
from azureml_local.azure_api.surface import Surface
from azureml_local.jobs.files import read_result
from azureml_local.store.runs import RUN_TYPE
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import AUTOML_STEP, Run
from azureml_workspace.statuses import RunStatus
from azureml_workspace.texts import shown

_MADE, _NOTES = "run", "run-notes"
"""Kinds of documents: runs that the engine does not know, and what was written on those that it does."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_WRITABLE = ("description", "displayName")
_SET_BY_MAKER = (
    *_WRITABLE,
    "status",
    "startTimeUtc",
    "endTimeUtc",
    "parentRunId",
    "runType",
    "target",
    "scriptName",
    "runDefinition",
    "hidden",
    "error",
)
_WAITING = frozenset({RunStatus.NOT_STARTED, RunStatus.QUEUED})


class RunHistory:
    """Runs by id, by parent and by experiment."""

    def __init__(self, surface: Surface) -> None:
        self._workspace = surface.workspace
        self._documents = surface.documents
        self.experiments = Experiments(surface.documents, surface.workspace)

    # Reading

    def find(self, run_id: str) -> Document | None:
        """The run, or None."""
        found = self._of_engine(run_id) or self._trial(run_id)
        return self._with_notes(found) if found is not None else self._documents.find(_MADE, run_id)

    def get(self, run_id: str, experiment: str | None = None) -> Document:
        """The run, which has to be of this experiment (its id) when one is given. :raises NotFound:"""
        found = self.find(run_id)
        if found is None or experiment not in (None, found["experimentId"]):
            raise NotFound(f"there is no run {run_id!r}{' in this experiment' if found is not None else ''}.")
        return found

    def children(self, run_id: str) -> list[Document]:
        """The runs whose parent it is. :raises NotFound:"""
        parent = self.get(run_id)
        automl = self._automl(run_id)
        if automl is None:
            return [run for run in self._all(parent["experimentId"]) if run["parentRunId"] == run_id]
        trials = [self._with_notes(trial) for trial in self._trials(automl)]
        return trials + [made for made in self._documents.list_all(_MADE) if made["parentRunId"] == run_id]

    def of_experiment(self, key: str, wanted: Filter = EVERY_RUN) -> list[Document]:
        """The runs of an experiment (its id) that fulfil the filter, trials and steps too."""
        return [run for run in self._all(key, wanted) if wanted(run)]

    def on_compute(self, target: str) -> list[Document]:
        """All runs on a compute target, whatever experiment they are of."""
        keys = [experiment["experimentId"] for experiment in self.experiments.list_all()]
        return [run for key in keys for run in self._all(key) if run["target"] == target]

    # Writing

    def change(self, run_id: str, experiment: str, changes: Mapping[str, Any]) -> Document:
        """Write on a run of this experiment (its name), or make one of this id.

        Tags and properties that are not named stay. :raises InvalidRequest: a property would change, which it never
        may. :raises NotFound: the run is of another experiment.
        """
        found = self.find(run_id)
        if found is None:
            self.experiments.get(experiment)
            if not _RUN_ID.fullmatch(run_id):
                raise InvalidRequest(f"{shown(run_id)} cannot be the id of a run: 1 to 256 of A-Z a-z 0-9 . _ -.")
            made = document(run_id, experiment=experiment, run_type=SCRIPT_TYPE, status="NotStarted", created=_now())
            return self._documents.change(_MADE, run_id, lambda seen: _changed(seen or made, changes, _SET_BY_MAKER))
        self.get(run_id, experiment_id(experiment))
        if self._documents.find(_MADE, run_id) is not None:
            return self._documents.change(_MADE, run_id, lambda seen: _changed(seen or found, changes, _SET_BY_MAKER))
        _changed(found, changes, _WRITABLE)  # refuses what may not change, whoever wrote it
        self.note(run_id, changes)
        return self.get(run_id)

    def note(self, run_id: str, changes: Mapping[str, Any]) -> None:
        """Keep tags, properties and descriptions beside what the engine knows of a run.

        :raises InvalidRequest: a property would change.
        """
        empty: Document = {"properties": {}, "tags": {}}
        self._documents.change(_NOTES, run_id, lambda seen: _changed(seen or empty, changes, _WRITABLE))

    def make(self, run: Document) -> Document:
        """Remember a run that the engine does not know (yet)."""
        self._documents.put(_MADE, run["runId"], run)
        return run

    def made(self, run_id: str) -> Document | None:
        """A run that the engine does not know (yet)."""
        return self._documents.find(_MADE, run_id)

    def forget(self, run_id: str) -> None:
        """The engine knows the run now."""
        self._documents.delete(_MADE, run_id)

    def remove_tags(self, run_id: str, names: list[str]) -> Document:
        """:raises NotFound:"""
        found = self.get(run_id)
        kind = _MADE if self._documents.find(_MADE, run_id) is not None else _NOTES

        def without(seen: Document | None) -> Document:
            current = seen or found
            return {**current, "tags": {name: value for name, value in current["tags"].items() if name not in names}}

        self._documents.change(kind, run_id, without)
        return self.get(run_id)

    def end(self, run_id: str, status: str, error: str = "") -> None:
        """Note how a run ended that the engine does not know. :raises NotFound: it knows it, or there is none."""

        def ended(seen: Document | None) -> Document:
            if seen is None:
                raise NotFound(f"run {run_id!r} is not one that a script made, so its status is not a script's to set.")
            return {
                **seen,
                "status": status,
                "endTimeUtc": _now().isoformat(),
                "error": error_of(error) if error else seen["error"],
            }

        self._documents.change(_MADE, run_id, ended)

    # The engine's runs

    def _all(self, key: str, wanted: Filter = EVERY_RUN) -> Iterator[Document]:
        """All runs of an experiment, without some that cannot fulfil the filter."""
        name = self.experiments.get_by_id(key)["name"]
        for run in self._workspace.list_runs(name):
            if _may_hold(run, wanted):
                for found in self._family(run, with_children=not wanted.without_parent):
                    yield self._with_notes(found)
        known = {run.run_id for run in self._workspace.runs.list_all(name)}
        for made in self._documents.list_all(_MADE):
            if made["experimentId"] == key and made["runId"] not in known:
                yield made

    def _family(self, run: Run, *, with_children: bool) -> Iterator[Document]:
        """The run, and its trials or steps."""
        yield self._shape(run)
        if not with_children:
            return
        if run.run_type == RUN_TYPE:
            yield from self._trials(run)
            return
        stored = self._workspace.pipelines.runs.find(run.run_id)
        for step in stored.steps if stored is not None else ():
            found = self._workspace.pipelines.runs.find_step_run(step.run_id) if step.run_id is not None else None
            if found is not None:  # a step that is an AutoML run is in the list by itself
                yield self._shape(found)

    def _of_engine(self, run_id: str) -> Document | None:
        try:
            return self._shape(self._workspace.get_run(run_id))
        except NotFound:
            return None

    def _trial(self, run_id: str) -> Document | None:
        parent_id, separator, _ = run_id.rpartition("_")
        run = self._automl(parent_id) if separator else None
        if run is None:
            return None
        return next((trial for trial in self._trials(run) if trial["runId"] == run_id), None)

    def _automl(self, run_id: str) -> Run | None:
        try:
            return self._workspace.runs.get(run_id)
        except NotFound:
            return None

    def _trials(self, run: Run) -> list[Document]:
        settings = self._workspace.runs.settings(run.run_id)
        trials = self._workspace.runs.children(run.run_id)
        return [child_run(trial, run, settings, root=run.parent_run_id) for trial in trials]

    def _shape(self, run: Run) -> Document:
        shown = self._shape_alone(run)
        stored = self._workspace.pipelines.runs.find(run.parent_run_id) if run.parent_run_id is not None else None
        if stored is None:
            return shown
        node = nodes_of(self._documents, stored.pipeline_id)[run.properties.get("step", AUTOML_STEP)]
        named = {"azureml.nodeid": node.node_id, "azureml.moduleid": node.module_id}
        tags = {"azureml.nodeid": node.node_id, "azureml.pipeline": stored.run.run_id}
        return {
            **shown,
            "name": node.name,
            "displayName": node.name,
            "properties": {**shown["properties"], **named},
            "tags": {**shown["tags"], **tags},
        }

    def _shape_alone(self, run: Run) -> Document:
        if run.run_type != RUN_TYPE:
            stored = self._workspace.pipelines.runs.find(run.run_id)
            return pipeline_or_step_run(run, stored.tags if stored is not None else {})
        settings = self._workspace.runs.settings(run.run_id)
        trials = len(self._workspace.runs.children(run.run_id)) if run.status is RunStatus.COMPLETED else 0
        return automl_run(run, settings, root=run.parent_run_id, rows=self._rows(run), trials=trials)

    def _rows(self, run: Run) -> int | None:
        if run.status in _WAITING or run.started_at is None:
            return None
        ended = read_result(self._workspace.home.run(run.run_id))
        if ended is not None and ended.result is not None:
            return ended.result.rows_used
        settings = self._workspace.runs.settings(run.run_id)
        return self._workspace.datasets.get(settings.dataset_name, settings.dataset_version).rows

    def _with_notes(self, run: Document) -> Document:
        notes = self._documents.find(_NOTES, run["runId"])
        if notes is None:
            return run
        return {
            **run,
            **{name: notes[name] for name in _WRITABLE if name in notes},
            "tags": {**run["tags"], **notes["tags"]},
            "properties": {**run["properties"], **notes["properties"]},
        }


def _may_hold(run: Run, wanted: Filter) -> bool:
    """Whether the run or one of its children can fulfil the filter. The ids of steps do not tell whose they are."""
    if wanted.families is None or run.run_type != RUN_TYPE:
        return True
    return any(name in (run.run_id, run.parent_run_id) or name.startswith(f"{run.run_id}_") for name in wanted.families)


def _changed(run: Document, changes: Mapping[str, Any], allowed: tuple[str, ...]) -> Document:
    for name in ("properties", "tags"):
        if not isinstance(changes.get(name) or {}, dict):
            raise InvalidRequest(f"{name} of a run are names with a value each, and not {shown(str(changes[name]))}.")
    properties = {name: str(value) for name, value in (changes.get("properties") or {}).items()}
    for name, value in properties.items():
        if run["properties"].get(name, value) != value:
            raise InvalidRequest(f"property {name!r} of a run cannot change once it is there; use a tag for that.")
    tags = {name: str(value) for name, value in (changes.get("tags") or {}).items()}
    named = {name: changes[name] for name in allowed if changes.get(name) is not None}
    if named.get("parentRunId"):
        named["rootRunId"] = named["parentRunId"]
    return {**run, **named, "properties": {**run["properties"], **properties}, "tags": {**run["tags"], **tags}}


def _now() -> datetime:
    return datetime.now(UTC)
