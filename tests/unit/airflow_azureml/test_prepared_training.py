"""What the AutoML task learns from the task that prepared its data."""

from __future__ import annotations

import pytest

from airflow_azureml._prepared import Training
from airflow_azureml._references import Reference
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("dataset", ["shop", None, {"name": "shop", "version": 3}])
def test_other_datasets_tell_nothing(dataset: object) -> None:
    assert Training.of(dataset) == Training(model_tags={}, trained_model=None)


def test_tags_and_the_model_that_is_there_already() -> None:
    prepared = {
        "name": "shop-training",
        "version": 3,
        "model_tags": {"drop_key": "2026-01-01"},
        "trained_model": {"name": "shop", "version": 7},
    }
    training = Training.of(prepared)
    assert training.model_tags == {"drop_key": "2026-01-01"}
    assert training.trained_model == Reference("shop", 7)


def test_a_model_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="name"):
        Training.of({"name": "shop-training", "trained_model": {"version": 7}})
