"""Definitions and their parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLConfig, AutoMLSettings, PipelineDefinition, StepRun
from azureml_workspace.statuses import PipelineStatus, RunStatus

pytestmark = pytest.mark.unit

DEFINITION = PipelineDefinition(
    name="bank",
    automl=AutoMLConfig(dataset_name="people", label_column_name="y", iterations=7, allowed_models=("LightGBM",)),
    model_name="bank",
    experiment_name="retrain",
)


def test_a_definition_survives_json_and_keeps_its_fingerprint() -> None:
    again = PipelineDefinition.from_dict(DEFINITION.to_dict())
    assert again == DEFINITION
    assert again.fingerprint == DEFINITION.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        replace(DEFINITION, description="another"),
        replace(DEFINITION, dataset_version=1),
        replace(DEFINITION, model_tags={"team": "kiosks"}),
        replace(DEFINITION, automl=replace(DEFINITION.automl, seed=7)),
    ],
)
def test_the_fingerprint_is_of_everything(other: PipelineDefinition) -> None:
    assert other.fingerprint != DEFINITION.fingerprint


def test_the_parameters_are_text_and_lead_back_to_the_definition() -> None:
    assert DEFINITION.parameters == {
        "dataset_version": "latest",
        "experiment_timeout_minutes": "1",
        "iterations": "7",
        "max_concurrent_iterations": "2",
    }
    assert DEFINITION.with_parameters(DEFINITION.parameters) == DEFINITION
    pinned = replace(DEFINITION, dataset_version=3, automl=replace(DEFINITION.automl, iterations=None))
    assert (pinned.parameters["dataset_version"], pinned.parameters["iterations"]) == ("3", "")
    assert pinned.with_parameters(pinned.parameters) == pinned


def test_parameters_given_and_empty_ones_that_are_the_default() -> None:
    given = DEFINITION.with_parameters(
        {
            "dataset_version": "4",
            "experiment_timeout_minutes": "0.5",
            "iterations": " ",
            "max_concurrent_iterations": "1",
        }
    )
    assert given.dataset_version == 4
    assert (given.automl.experiment_timeout_minutes, given.automl.iterations) == (0.5, 7)
    assert given.automl.max_concurrent_iterations == 1
    assert given.with_parameters({"dataset_version": "latest"}).dataset_version is None


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        ({"learning_rate": "1"}, "no parameter 'learning_rate'; it has dataset_version, experiment_timeout_minutes"),
        ({"dataset_version": "newest"}, "dataset_version is 'newest'; give a version or 'latest'"),
        ({"dataset_version": "0"}, "dataset_version is 0"),
        ({"iterations": "1.5"}, "iterations is '1.5'; give a whole number"),
        ({"experiment_timeout_minutes": "soon"}, "'soon'; give a number"),
        ({"experiment_timeout_minutes": "nan"}, "experiment_timeout_minutes is nan"),
        ({"max_concurrent_iterations": "99999999999999999999999"}, "max_concurrent_iterations is"),
    ],
)
def test_parameters_that_cannot_be(assignments: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        DEFINITION.with_parameters(assignments)


def test_what_the_automl_step_is_submitted_with() -> None:
    settings = DEFINITION.settings(experiment_name="by-hand", latest_version=9)
    assert isinstance(settings, AutoMLSettings)
    assert (settings.experiment_name, settings.dataset_version, settings.iterations) == ("by-hand", 9, 7)
    assert replace(DEFINITION, dataset_version=2).settings(experiment_name="x", latest_version=9).dataset_version == 2


def test_statuses_of_another_version_are_unknown() -> None:
    assert PipelineStatus("Deprecated") is PipelineStatus.UNKNOWN
    step = StepRun.from_dict({"name": "automl", "parent_run_id": "r", "run_id": None, "status": "Paused"})
    assert step.status is RunStatus.UNKNOWN
