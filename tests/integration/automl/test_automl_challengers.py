"""Whole runs with weights of classes and with pipelines of one's own, with real worker processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.metrics import recall_score
from tests.automl_data import LABEL, customers, schema_of, settings_for

from azureml_local.automl import engine
from azureml_local.automl.budget import Budget
from azureml_local.automl.engine import FittedAutoML
from azureml_local.automl.onnx_export import run_graph
from azureml_local.features.frame import encode_frame
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import read_pipelines

pytestmark = pytest.mark.integration

SCALER = {"estimator": "sklearn.preprocessing.StandardScaler"}
PRODUCTS = {
    "name": "products",
    "steps": [
        SCALER,
        {"estimator": "sklearn.preprocessing.PolynomialFeatures", "params": {"degree": 2}},
        {"estimator": "sklearn.linear_model.LogisticRegression"},
    ],
}
FOREVER = {
    "name": "forever",
    "steps": [
        {
            "estimator": "sklearn.neural_network.MLPClassifier",
            "params": {"hidden_layer_sizes": [256, 256], "max_iter": 10**9, "tol": 0.0, "n_iter_no_change": 10**9},
        }
    ],
}


def run(
    frame: pd.DataFrame,
    pipelines: Sequence[dict[str, Any]] = (),
    output_dir: Path | None = None,
    *,
    budget: Budget | None = None,
    **changes: object,
) -> tuple[FittedAutoML, dict[str, dict[str, Any]]]:
    """A run on two cores, and its children by their algorithm."""
    events: list[dict[str, Any]] = []
    given = {"allowed_models": ("DecisionTree",), "iterations": 1 + len(pipelines), "n_cross_validations": 2}
    settings = settings_for(**{**given, "custom_pipelines": read_pipelines(pipelines), **changes})
    fitted = engine.run(
        frame, schema_of(frame), settings, 2, events.append, output_dir, run_id="AutoML_1", budget=budget
    )
    return fitted, {event["algorithm"]: event for event in events if event["event"] == "trial"}


def crossed(rows: int = 400) -> pd.DataFrame:
    """`bought` is whether two numbers have the same sign, which no single one tells."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["left", "right"])
    frame["shade"] = rng.choice(["dark", "light"], rows)
    frame[LABEL] = np.where(frame["left"] * frame["right"] > 0, "yes", "no")
    return frame


def rare(rows: int = 600) -> pd.DataFrame:
    """About 6 % of `yes`, told from `no` by noisy numbers."""
    rng = np.random.default_rng(5)
    truth = rng.random(rows) < 0.06
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["a"] += 1.2 * truth
    frame["b"] += 0.8 * truth
    frame[LABEL] = np.where(truth, "yes", "no")
    return frame


def findings(fitted: FittedAutoML, guard: str) -> list[str]:
    return [finding.message for finding in fitted.result.findings if finding.guard == guard]


def assert_onnx_equals_python(fitted: FittedAutoML, folder: Path, frame: pd.DataFrame) -> None:
    """The package on disk, on rows of which training saw none."""
    model = joblib.load(folder / "model.pkl")
    matrix = encode_frame(model.spec, frame)
    labels, probabilities = run_graph(onnx.load(folder / "model.onnx"), matrix)
    assert np.array(fitted.result.classes)[labels].tolist() == model.predict(frame).tolist()
    assert probabilities == pytest.approx(model.predict_proba(frame), abs=1e-4)


@pytest.mark.parametrize("algorithm", ["LogisticRegression", "LightGBM", "XGBoostClassifier", "RandomForest"])
def test_weights_find_more_of_the_rare_class(algorithm: str, tmp_path: Path) -> None:
    frame = rare()
    truth = frame[LABEL]
    recalls = {}
    for weights in ("none", "balanced", {"yes": 4}):
        fitted, children = run(frame, output_dir=tmp_path, allowed_models=(algorithm,), class_weights=weights)
        # Out of fold, by the confusion matrix of the run itself.
        counted = json.loads((tmp_path / "evaluation.json").read_text())["confusion_matrix"]
        recalls[str(weights)] = counted[1][1] / sum(counted[1])
        assert sum(map(sum, counted)) == len(frame)
        assert_onnx_equals_python(fitted, tmp_path, rare(300).drop(columns=LABEL))
        told = findings(fitted, "class_weights")
        if weights == "none":
            assert not told
            assert "class_weight" not in children[algorithm]["parameters"]
        elif weights == "balanced":
            assert children[algorithm]["parameters"]["class_weight"] == "balanced"
            assert told[0].startswith("class_weights (balanced): a row of a class counts 'no' 0.5")
        else:
            assert children[algorithm]["parameters"]["class_weight"] == "no=1, yes=4"
            assert told[0].startswith("class_weights (given): a row of a class counts 'no' 0.8")
    assert recalls["none"] < recalls["{'yes': 4}"] < recalls["balanced"]
    assert recall_score(truth, fitted.model.predict(frame), pos_label="yes") > recalls["none"]


def test_weights_reach_every_learner_the_ensemble_and_the_pipelines() -> None:
    frame = rare(300)
    fitted, children = run(frame, [PRODUCTS], allowed_models=(), iterations=9, class_weights="balanced")
    trials = [child for name, child in children.items() if name != "VotingEnsemble"]
    assert {child["parameters"]["class_weight"] for child in trials} == {"balanced"}
    assert children["products"]["status"] == "Completed"
    action = next(f.action for f in fitted.result.findings if f.guard == "class_imbalance")
    assert action.startswith("learned with class_weights")


def test_a_pipeline_that_does_better_wins_and_is_exported(tmp_path: Path) -> None:
    frame = crossed()
    fitted, children = run(frame, [PRODUCTS], tmp_path, allowed_models=("LogisticRegression",))
    assert fitted.result.best_algorithm == "products"
    assert fitted.result.metrics["AUC_weighted"] > 0.95
    assert children["LogisticRegression"]["score"] < 0.7
    steps = children["products"]["parameters"]
    assert steps == {
        "step 1": "StandardScaler()", "step 2": "PolynomialFeatures(degree=2)", "step 3": "LogisticRegression()",
    }  # fmt: skip
    assert_onnx_equals_python(fitted, tmp_path, crossed(500).drop(columns=LABEL))
    importance = json.loads((tmp_path / "explanation.json").read_text())["raw"]
    assert min(importance["left"], importance["right"]) > importance.get("shade", 0.0)
    assert not findings(fitted, "custom_pipeline")


def test_a_pipeline_votes_in_the_ensemble(tmp_path: Path) -> None:
    frame = customers(rows=300, classes=3)
    forest = {
        "name": "scaled-forest",
        "steps": [SCALER, {"estimator": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 30}}],
    }
    models = ("LogisticRegression", "LightGBM")
    fitted, children = run(frame, [forest], tmp_path, allowed_models=models, iterations=5, n_cross_validations=3)
    assert children["scaled-forest"]["status"] == "Completed"
    assert "VotingEnsemble" in children
    assert_onnx_equals_python(fitted, tmp_path, customers(400, 3, seed=9).drop(columns=LABEL))


@pytest.mark.parametrize(
    ("name", "steps", "words"),
    [
        ("splines", ["sklearn.preprocessing.SplineTransformer"], "SplineTransformer"),
        ("too-wide", [{"estimator": "sklearn.decomposition.PCA", "params": {"n_components": 500}}], "n_components=500"),
    ],
)
def test_a_pipeline_that_fails_or_cannot_be_exported_is_a_failed_child_with_its_reason(
    name: str, steps: list[Any], words: str
) -> None:
    before = [step if isinstance(step, dict) else {"estimator": step} for step in steps]
    pipeline = {"name": name, "steps": [*before, {"estimator": "sklearn.linear_model.LogisticRegression"}]}
    fitted, children = run(customers(rows=150), [pipeline])
    assert children[name]["status"] == "Failed"
    assert words in children[name]["error"]
    assert fitted.result.best_algorithm == "DecisionTree"
    told = findings(fitted, "custom_pipeline")
    assert len(told) == 1
    assert name in told[0]
    assert words in told[0]


def test_a_pipeline_that_takes_for_ever_is_stopped_and_leaves_time_for_the_others() -> None:
    budget = Budget(9.0)
    fitted, children = run(customers(rows=300), [FOREVER], iterations=4, max_concurrent_iterations=1, budget=budget)
    assert children["forever"]["status"] == "Failed"
    assert children["forever"]["error"] == "stopped: it took longer than its 3 s"
    assert children["DecisionTree"]["status"] == "Completed"
    assert fitted.result.best_algorithm in {"DecisionTree", "VotingEnsemble"}
    assert "'forever' was not compared with the others (child 0: stopped" in findings(fitted, "custom_pipeline")[0]


def test_a_pipeline_sees_the_columns_it_asks_for() -> None:
    frame = crossed()
    _, children = run(frame, [{**PRODUCTS, "columns": ["left", "shade"]}, {**PRODUCTS, "name": "all"}])
    assert children["products"]["score"] < 0.7 < children["all"]["score"]
    with pytest.raises(InvalidRequest, match="custom pipeline 'products' wants 'constant'; AutoML uses none of them"):
        run(frame.assign(constant=1), [{**PRODUCTS, "columns": ["constant"]}])


def test_pipelines_that_scikit_learn_does_not_know_are_refused_before_any_work() -> None:
    pipeline = {"name": "odd", "steps": [{"estimator": "sklearn.svm.SVM"}]}
    with pytest.raises(InvalidRequest, match=r"sklearn\.svm has no estimator 'SVM'; did you mean .*'SVC'"):
        run(customers(rows=100), [pipeline])


def test_weights_of_labels_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"class_weights names 'Yes'.*its values are 'no', 'yes'"):
        run(customers(rows=100), class_weights={"Yes": 2})
