"""Submitting an AutoML run that cannot work: 400 at once, and no run."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.integration

_HEADER = "age,job,constant,id,label,one_class,rare,unlabelled,amount\n"


def _csv(rows: int) -> bytes:
    lines = [
        f"{20 + number % 50},{'abc'[number % 3]},1,user-{number},{'yes' if number % 4 == 0 else 'no'},only,"
        f"{'odd' if number < 2 else 'usual'},,{number * 1.37:.4f}\n"
        for number in range(rows)
    ]
    return (_HEADER + "".join(lines)).encode()


@pytest.fixture(scope="session")
def datasets(local_server: Any) -> dict[str, str]:
    """Names of a usable dataset, of one with ten rows, and a compute target that exists."""
    for name, rows in (("train", 2_000), ("ten-rows", 10)):
        assert local_server.register(name, _csv(rows)).status_code == 200
    target = {"name": "cpu-cluster", "max_nodes": 1}
    answer = local_server.send("PUT", "/v1/computes/cpu-cluster", json=target)
    assert answer.status_code == 200, answer.text
    return {"train": "train", "ten-rows": "ten-rows"}


def _own(estimator: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"custom_pipelines": [{"name": "own", "steps": [{"estimator": estimator, "params": params or {}}]}]}


def _settings(**changes: Any) -> dict[str, Any]:
    return {
        "experiment_name": "refused",
        "dataset_name": "train",
        "dataset_version": 1,
        "label_column_name": "label",
        "compute_target": "cpu-cluster",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"label_column_name": "lable"}, ("'lable'", "'label'")),
        ({"label_column_name": ""}, ("label_column_name",)),
        ({"label_column_name": "one_class"}, ("one class only", "'only'")),
        ({"label_column_name": "rare"}, ("'odd'", "2 rows")),
        ({"label_column_name": "unlabelled"}, ("null in all 2,000 rows",)),
        ({"label_column_name": "amount"}, ("'amount'", "distinct")),
        ({"label_column_name": "id"}, ("'id'", "distinct")),
        ({"dataset_name": "ten-rows"}, ("10 rows", "at least")),
        ({"primary_metric": "f1"}, ("'f1'", "AUC_weighted")),
        ({"allowed_models": ["DeepThought"]}, ("DeepThought", "LightGBM")),
        ({"blocked_models": ["DeepThought"]}, ("DeepThought", "LightGBM")),
        ({"allowed_models": ["LightGBM"], "blocked_models": ["LightGBM"]}, ("LightGBM", "both")),
        ({"experiment_timeout_minutes": 0}, ("experiment_timeout_minutes is 0",)),
        ({"experiment_timeout_minutes": -5}, ("experiment_timeout_minutes is -5",)),
        ({"experiment_timeout_minutes": 1e9}, ("experiment_timeout_minutes",)),
        ({"iterations": 0}, ("iterations is 0",)),
        ({"iterations": "many"}, ("iterations",)),
        ({"max_concurrent_iterations": 0}, ("max_concurrent_iterations is 0",)),
        ({"n_cross_validations": 1}, ("n_cross_validations is 1",)),
        ({"n_cross_validations": 5, "validation_size": 0.2}, ("exclude each other",)),
        ({"validation_size": 0.9}, ("validation_size is 0.9",)),
        ({"exclude_columns": ["label"]}, ("exclude_columns", "'label'")),
        ({"exclude_columns": ["nowhere"]}, ("exclude_columns", "'nowhere'")),
        ({"exclude_columns": [c for c in _HEADER.strip().split(",") if c != "label"]}, ("no column is left",)),
        ({"experiment_name": " "}, ("experiment name ' '",)),
        ({"class_weights": "heavy"}, ("class_weights is 'heavy'", "'balanced'")),
        ({"class_weights": {"maybe": 2}}, ("class_weights names 'maybe'", "'no', 'yes'")),
        ({"class_weights": {"yes": 0}}, ("weight 0", "above 0")),
        ({"class_weights": 3}, ("class_weights",)),
        (_own("os.system"), ("a step 'os.system'", "sklearn.linear_model")),
        (_own("sklearn.svm.SVM"), ("custom pipeline 'own'", "no estimator 'SVM'", "'SVC'")),
        (_own("sklearn.svm.SVC", {"probabilty": True}), ("no parameter 'probabilty'", "'probability'")),
        (_own("sklearn.svm.SVC", {"C": -1, "probability": True}), ("The 'C' parameter of SVC",)),
        (_own("sklearn.svm.LinearSVC"), ("without `predict_proba`",)),
        (
            {"class_weights": "balanced", **_own("sklearn.neighbors.KNeighborsClassifier")},
            ("takes no weights of rows", "class_weights"),
        ),
    ],
)
@pytest.mark.usefixtures("datasets", "unchanged")
def test_settings_refused(changes: dict[str, Any], expected: tuple[str, ...], local_server: Any) -> None:
    body = {"settings": _settings(**changes), "submission_key": json.dumps(changes)}
    answer = local_server.send("POST", "/v1/automl-runs", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "InvalidRequest"
    for text in expected:
        assert text in error["message"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dataset_name": "no-such-dataset"}, "no-such-dataset"),
        ({"dataset_version": 99}, "99"),
        ({"compute_target": "no-such-cluster"}, "no-such-cluster"),
    ],
)
@pytest.mark.usefixtures("datasets", "unchanged")
def test_what_does_not_exist(changes: dict[str, Any], expected: str, local_server: Any) -> None:
    body = {"settings": _settings(**changes), "submission_key": json.dumps(changes)}
    answer = local_server.send("POST", "/v1/automl-runs", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound"), answer.text
    assert expected in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"settings": {}}',
        b'{"submission_key": "k"}',
        json.dumps({"settings": _settings(), "submission_key": 5}).encode(),
        json.dumps({"settings": _settings(experiment_timeout_minutes=float("nan")), "submission_key": "k"}).encode(),
        json.dumps({"settings": _settings(experiment_timeout_minutes=float("inf")), "submission_key": "k"}).encode(),
        json.dumps({"settings": _settings(label_column_name=None), "submission_key": "k"}).encode(),
        b"\xff\xfe{}",
    ],
)
@pytest.mark.usefixtures("datasets", "unchanged")
def test_body_refused(body: bytes, local_server: Any) -> None:
    answer = local_server.send("POST", "/v1/automl-runs", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "InvalidRequest"
    assert answer.json()["error"]["message"]
