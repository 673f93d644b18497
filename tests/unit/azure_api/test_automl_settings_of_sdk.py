from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from azureml_local.azure_api.automl_settings import read_settings, readable_by_sdk, training_dataset_id
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLSettings, DatasetVersion

pytestmark = pytest.mark.unit

SENT: dict[str, Any] = {
    "task_type": "classification",
    "primary_metric": "AUC_weighted",
    "label_column_name": "bought",
    "iterations": 1000,
    "experiment_timeout_minutes": 15,
    "max_concurrent_iterations": 4,
    "n_cross_validations": None,
    "validation_size": 0.0,
    "test_size": 0.0,
    "whitelist_models": None,
    "blacklist_algos": None,
    "featurization": "auto",
    "enable_early_stopping": True,
    "is_timeseries": False,
}
"""As `AutoMLConfig` sends it, without what does not matter here."""


def read(**given: Any) -> AutoMLSettings:
    dataset = DatasetVersion(
        name="shop",
        version=3,
        fingerprint="sha256:0",
        rows=400,
        columns=(),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        profile_uri="",
    )
    return read_settings({**SENT, **given}, experiment="sdk", dataset=dataset, compute_target="cpu-cluster")


def test_what_the_engine_has_is_passed_on() -> None:
    settings = read(n_cross_validations=5, experiment_exit_score=0.9, iterations=7, max_concurrent_iterations=2)
    assert (settings.experiment_name, settings.dataset_name, settings.dataset_version) == ("sdk", "shop", 3)
    assert (settings.label_column_name, settings.compute_target) == ("bought", "cpu-cluster")
    assert (settings.n_cross_validations, settings.validation_size) == (5, None)
    assert (settings.iterations, settings.max_concurrent_iterations) == (7, 2)
    assert (settings.experiment_exit_score, settings.experiment_timeout_minutes) == (0.9, 15)


def test_defaults_of_the_sdk_are_no_wish() -> None:
    settings = read(experiment_timeout_minutes=8640, n_cross_validations="auto")
    assert settings.iterations is None
    assert settings.n_cross_validations is None
    assert settings.experiment_timeout_minutes == 1440


def test_models_that_are_not_here_are_not_tried() -> None:
    assert read(whitelist_models=["KNN", "LightGBM"]).allowed_models == ("LightGBM",)
    assert read(blacklist_algos=["TensorFlowDNN", "LightGBM"]).blocked_models == ("LightGBM",)
    with pytest.raises(InvalidRequest, match="KNN"):
        read(whitelist_models=["KNN"])


def test_columns_that_are_left_out() -> None:
    featurization = {"_drop_columns": ["price"], "_column_purposes": None, "_transformer_params": {}}
    assert read(featurization=featurization).exclude_columns == ("price",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"task_type": "regression"}, "regression"),
        ({"is_timeseries": True}, "forecasting"),
        ({"weight_column_name": "w"}, "weight_column_name"),
        ({"cv_split_column_names": ["f"]}, "cv_split_column_names"),
        ({"test_size": 0.2}, "test_size"),
        ({"enable_dnn": True}, "enable_dnn"),
        ({"featurization": {"_column_purposes": {"a": "Numeric"}}}, "column_purposes"),
        ({"primary_metric": "spearman_correlation"}, "spearman_correlation"),
        ({"experiment_timeout_minutes": "soon"}, "make no sense"),
    ],
)
def test_what_the_engine_has_not_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read(**given)


def test_the_dataset_is_named_with_quotes_escaped_twice() -> None:
    named = {"training_data": {"datasetId": "1234"}, "datasets": 0}
    assert training_dataset_id(json.dumps(named).replace('"', '\\"')) == "1234"
    with pytest.raises(InvalidRequest, match="validation_data"):
        training_dataset_id(json.dumps({**named, "validation_data": {"datasetId": "5"}}))
    for text in (None, "", "{}", "[]", '{"training_data": null}'):
        with pytest.raises(InvalidRequest, match="training_data"):
            training_dataset_id(text)


def test_the_sdk_can_read_what_was_asked_for() -> None:
    assert json.loads(readable_by_sdk({**SENT, "experiment_timeout_minutes": 0.25}))["experiment_timeout_minutes"] == 15
    assert json.loads(readable_by_sdk(SENT)) == SENT
