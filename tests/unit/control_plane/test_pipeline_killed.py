"""The orchestrator killed at every point: the next one goes on, and does nothing twice."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from tests.unit.control_plane.pipeline_parts import Pipelines
from tests.unit.control_plane.reaper import Killed, Reaper

from azureml_local.pipelines import orchestrator as orchestrator_module
from azureml_local.store.models import ModelStore
from azureml_local.store.pipeline_runs import PipelineRunStore
from azureml_local.store.runs import RunStore
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

_STEPS_OF_WORK: list[tuple[Any, str]] = [
    (RunStore, "submit"),
    (PipelineRunStore, "start_step"),
    (PipelineRunStore, "advance_step"),
    (PipelineRunStore, "end_step"),
    (PipelineRunStore, "complete"),
    (ModelStore, "register"),
    (orchestrator_module, "write_json"),
    (orchestrator_module, "tell"),
]


def test_killed_at_any_point_it_goes_on_and_does_nothing_twice(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    reaper = Reaper()
    for owner, name in _STEPS_OF_WORK:
        monkeypatch.setattr(owner, name, reaper.deadly(getattr(owner, name)))
    for point in range(100):
        reaper.aim(point)
        run = pipelines.submit(f"key {point}")
        while not pipelines.get(run.run_id).status.is_terminal:
            with suppress(Killed):
                pipelines.orchestrator.step()
            go_on_with_automl(pipelines, run.run_id)
        ended = pipelines.get(run.run_id)
        assert (ended.status, ended.error) == (RunStatus.COMPLETED, ""), point
        assert len(pipelines.automl_runs.list_all()) == point + 1, point
        assert [model.version for model in pipelines.models.list_all()] == list(range(1, point + 2)), point
        assert pipelines.manager.result(ended).model.version == point + 1
        assert pipelines.submit(f"key {point}").run_id == run.run_id
        if not reaper.has_killed:
            break
    assert 30 < point < 99, "the reaper reached too little, or the work has no end"


def go_on_with_automl(pipelines: Pipelines, run_id: str) -> None:
    """What the dispatcher and the job would do meanwhile."""
    automl = pipelines.automl_runs.find_step(run_id)
    if automl is not None and automl.status is RunStatus.NOT_STARTED:
        pipelines.automl_runs.advance(automl.run_id, RunStatus.RUNNING)
    elif automl is not None and not automl.status.is_terminal:
        pipelines.complete_automl(automl.run_id)
