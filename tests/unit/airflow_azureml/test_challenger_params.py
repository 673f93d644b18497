"""The fields of the trigger form that say what competes, and that each of them reaches its operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from airflow_azureml.operators._automl_config import automl_config
from airflow_azureml.params import automl_arguments, automl_params
from azureml_local.automl.catalog import ALLOWED_MODELS
from azureml_workspace.azure_v1.automl_checks import MODELS
from azureml_workspace.records import AutoMLConfig

pytestmark = pytest.mark.unit

DAGS = Path(__file__).parents[3] / "dags"
TASKS = {"bank_marketing_train": "automl_run", "bank_marketing_publish_pipeline": "publish_pipeline"}
OWN = {"name": "own", "steps": [{"estimator": "sklearn.svm.SVC", "params": {"probability": True}}]}


@pytest.fixture(scope="module", params=TASKS)
def dag(request: pytest.FixtureRequest) -> DAG:
    bag = DagBag(dag_folder=str(DAGS / f"{request.param}.py"))
    assert bag.import_errors == {}
    return bag.dags[request.param]


def configured(dag: DAG, **given: Any) -> AutoMLConfig:
    """What the operator makes of the form, after Airflow rendered its templates."""
    params = {name: dag.params.get_param(name).resolve(value) for name, value in given.items()}
    task = dag.get_task(TASKS[dag.dag_id])
    context: Any = {"params": {**dag.params.dump(), **params}}
    names = [name for name in task.template_fields if isinstance(getattr(task, name), str)]
    copy = task.prepare_for_execution()
    for name in names:
        setattr(copy, name, task.render_template(getattr(task, name), context, dag.get_template_env()))
    return automl_config(copy, "bank")  # type: ignore[arg-type]


def test_the_defaults_ask_for_nothing_special(dag: DAG) -> None:
    config = configured(dag)
    assert (config.allowed_models, config.blocked_models) == ((), ())
    assert (config.class_weights, config.custom_pipelines) == ("none", ())


@pytest.mark.parametrize("weights", [{"yes": 8}, '{"yes": 8}'])
def test_every_field_reaches_the_operator(dag: DAG, weights: Any) -> None:
    config = configured(
        dag,
        allowed_models=["LightGBM", "RandomForest"],
        blocked_models=["RandomForest"],
        class_weights=weights,
        custom_pipelines=[OWN],
        exclude_columns=["duration"],
    )
    assert (config.allowed_models, config.blocked_models) == (("LightGBM", "RandomForest"), ("RandomForest",))
    assert config.class_weights == {"yes": 8.0}
    assert config.custom_pipelines[0].steps[0].params == {"probability": True}
    assert config.exclude_columns == ("duration",)
    assert configured(dag, class_weights="balanced").class_weights == "balanced"


def test_no_field_is_left_out() -> None:
    assert set(automl_arguments()) == set(automl_params())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allowed_models", "LightGBM"),
        ("blocked_models", [3]),
        ("class_weights", ""),
        ("class_weights", 8),
        ("custom_pipelines", "sklearn.svm.SVC"),
        ("custom_pipelines", ["sklearn.svm.SVC"]),
    ],
)
def test_the_form_refuses(dag: DAG, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


@pytest.mark.parametrize("name", ["allowed_models", "blocked_models"])
def test_the_models_that_the_form_offers_are_those_of_both_backends(name: str) -> None:
    offered = automl_params()[name].schema["examples"]
    assert set(offered) == set(ALLOWED_MODELS) & set(MODELS)
