"""What is refused before a run, in words that help."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.automl_data import settings_for

from azureml_local.automl.catalog import ALLOWED_MODELS, select_models
from azureml_local.automl.preflight import check_submission
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnSchema

pytestmark = pytest.mark.unit

COLUMNS = (
    ColumnSchema(name="age", kind="integer"),
    ColumnSchema(name="bought", kind="string"),
    ColumnSchema(name="price", kind="number"),
)
FINE = {"yes": 60, "no": 40}
OWN = {"name": "own", "steps": [{"estimator": "sklearn.svm.SVC", "params": {"probability": True}}]}


def test_good_settings_pass() -> None:
    check_submission(settings_for(), COLUMNS, FINE, 100)
    check_submission(settings_for(class_weights={"yes": 2.0}, custom_pipelines=[OWN]), COLUMNS, FINE, 100)


@pytest.mark.parametrize(
    ("changes", "counts", "words"),
    [
        ({"label_column_name": "y"}, FINE, "label_column_name is 'y'.*no such column.*'age', 'bought'"),
        ({"exclude_columns": ("nope",)}, FINE, "exclude_columns names 'nope'"),
        ({"exclude_columns": ("age", "price")}, FINE, "no column is left"),
        ({"allowed_models": ("Prophet",)}, FINE, "allowed_models names 'Prophet'; choose among LightGBM"),
        ({"blocked_models": ("lightgbm",)}, FINE, "blocked_models names 'lightgbm'"),
        ({"blocked_models": ALLOWED_MODELS}, FINE, "leaves no model"),
        ({"experiment_timeout_minutes": 0.0}, FINE, "experiment_timeout_minutes is 0"),
        ({"primary_metric": "rmse"}, FINE, "primary_metric is 'rmse'"),
        ({"class_weights": {"maybe": 2.0}}, FINE, "class_weights names 'maybe'.*'bought'; its values are 'no', 'yes'"),
        (
            {"class_weights": {"x": 2.0}},
            {f"kind {number:02}": 5 for number in range(30)},
            "its values are 'kind 00', .*'kind 19' and 10 more",
        ),
        ({"custom_pipelines": [{**OWN, "name": "lightgbm"}]}, FINE, "named 'lightgbm', as a model of AutoML's is"),
        ({"custom_pipelines": [{**OWN, "columns": ["size"]}]}, FINE, "'own' wants column 'size'"),
        ({}, {"yes": 100}, "one class only, 'yes', in all 100"),
        ({}, {}, "null in all 100 rows"),
        ({}, {"yes": 6, "no": 4}, "10 rows with a label.*at least 50"),
        ({}, {"yes": 98, "no": 2}, "class 'no' .* has 2 rows"),
        ({}, {"yes": 99, "no": 1}, "class 'no' .* has 1 row;"),
        ({}, None, "more than 1,000 distinct values.*free text or an identifier"),
        ({"label_column_name": "price"}, {str(i): 5 for i in range(300)}, "300 distinct numeric.*regression target"),
    ],
)
def test_each_mistake_is_named(changes: dict[str, object], counts: dict[str, int] | None, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        check_submission(settings_for(**changes), COLUMNS, counts, 100)


def test_models_keep_the_catalog_order() -> None:
    assert select_models((), ()) == ALLOWED_MODELS
    assert select_models(("RandomForest", "LightGBM"), ("LightGBM",)) == ("RandomForest",)


def test_the_server_side_imports_no_ml_library() -> None:
    code = (
        "import sys, azureml_local.automl.preflight, azureml_local.automl.catalog, azureml_local.jobs.submission;"
        "bad = {'sklearn', 'lightgbm', 'xgboost', 'flaml', 'pandas', 'numpy', 'scipy'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
