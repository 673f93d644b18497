"""Custom pipelines: what scikit-learn makes of them, and what is refused before anything is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.automl_data import customers, prepared

from azureml_local.automl.custom_classifier import custom_task
from azureml_local.automl.custom_pipeline import build_pipeline, check_pipeline
from azureml_local.automl.onnx_export import ExportError, convert_member, merge_members, run_graph
from azureml_local.automl.prepare import PreparedData
from azureml_local.automl.row_weights import Weighing
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import CustomPipeline, read_pipelines

pytestmark = pytest.mark.unit

SCALER = {"estimator": "preprocessing.StandardScaler"}
REGRESSION = {"estimator": "linear_model.LogisticRegression"}


def pipeline(*steps: dict[str, Any], **given: Any) -> CustomPipeline:
    """Steps with the names of classes after `sklearn.`."""
    full = [{**step, "estimator": f"sklearn.{step['estimator']}"} for step in steps]
    return read_pipelines([{"name": "own", "steps": full, **given}])[0]


def of(name: str, /, **params: Any) -> dict[str, Any]:
    return {"estimator": name, "params": params}


def data(classes: int = 2) -> PreparedData:
    frame = customers(rows=400, classes=classes)
    frame["big"] = np.random.default_rng(0).integers(10**9, 10**9 + 5000, 400)
    frame.loc[:20, "job"] = None
    return prepared(frame)


def test_steps_get_the_seed_and_the_threads_that_nobody_gave() -> None:
    made = build_pipeline(pipeline(SCALER, of("ensemble.RandomForestClassifier", n_jobs=64)), threads=2, seed=7)
    forest = made.steps[-1][1]
    assert (forest.random_state, forest.n_jobs) == (7, 2)
    given = build_pipeline(pipeline(of("ensemble.RandomForestClassifier", random_state=1)), threads=1, seed=7)
    assert given.steps[-1][1].random_state == 1


def test_lists_become_tuples_where_scikit_learn_takes_nothing_else() -> None:
    check_pipeline(pipeline(of("preprocessing.MinMaxScaler", feature_range=[-1, 1]), REGRESSION), weighted=False)
    check_pipeline(pipeline(of("neural_network.MLPClassifier", hidden_layer_sizes=[8, 4])), weighted=False)


def test_an_estimator_inside_another_one() -> None:
    inner = {"estimator": "sklearn.svm.LinearSVC", "params": {"C": 0.5}}
    made = build_pipeline(pipeline(of("calibration.CalibratedClassifierCV", estimator=inner)), threads=1, seed=3)
    assert made.steps[-1][1].estimator.C == 0.5
    assert made.steps[-1][1].estimator.random_state == 3


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([of("linear_model.LogisticRegresion")], "sklearn.linear_model has no estimator .*'LogisticRegression'"),
        ([of("linear_model.LogisticRegression", Cc=1)], "LogisticRegression has no parameter 'Cc'; did you mean 'C'"),
        ([of("linear_model.LogisticRegression", C="big")], "The 'C' parameter of LogisticRegression must be a float"),
        ([of("linear_model.LogisticRegression", C=-1)], "The 'C' parameter of LogisticRegression must be"),
        ([of("preprocessing.MinMaxScaler", feature_range="wide"), REGRESSION], "The 'feature_range' parameter"),
        (
            [of("preprocessing.MinMaxScaler", feature_range=[1, 2, 3], clip="x"), REGRESSION],
            "parameter of MinMaxScaler",
        ),
        ([SCALER], "ends in StandardScaler, which is no classifier"),
        ([of("linear_model.Ridge")], "ends in Ridge, which is no classifier"),
        ([of("svm.LinearSVC")], "LinearSVC without `predict_proba`.*CalibratedClassifierCV"),
        ([of("svm.SVC")], "SVC without `predict_proba`"),
        ([REGRESSION, REGRESSION], "LogisticRegression is not its last step and has no `transform`"),
        ([of("ensemble.VotingClassifier")], "VotingClassifier"),
        ([of("linear_model.LinearClassifierMixin")], "no estimator 'LinearClassifierMixin'"),
    ],
)
def test_what_scikit_learn_could_not_fit_is_named(steps: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^custom pipeline 'own'.*{words}"):
        check_pipeline(pipeline(*steps), weighted=False)


def test_classes_cannot_be_weighed_where_rows_cannot() -> None:
    check_pipeline(pipeline(SCALER, REGRESSION), weighted=True)
    check_pipeline(pipeline(of("neighbors.KNeighborsClassifier")), weighted=False)
    with pytest.raises(InvalidRequest, match="KNeighborsClassifier, which takes no weights of rows, so class_weights"):
        check_pipeline(pipeline(of("neighbors.KNeighborsClassifier")), weighted=True)


def test_the_input_is_numbers_and_one_column_per_value_of_a_category() -> None:
    found = data()
    names = [feature.name for feature in found.spec.features]
    job = names.index("job")
    task = custom_task(pipeline(REGRESSION), found.spec.features)
    assert task.hot == ((job, 5),)  # four jobs and the missing one
    design = task.build(1, 0).design(found.matrix)
    assert design.shape == (400, len(names) - 1 + 5)
    assert design.dtype == np.float64
    assert (design[:, -5:].sum(axis=1) == 1).all()
    unseen = found.matrix.copy()
    unseen[:, job] = -1.0
    assert not task.build(1, 0).design(unseen)[:, -5:].any()


def test_the_input_of_chosen_columns_and_of_codes() -> None:
    found = data()
    names = [feature.name for feature in found.spec.features]
    chosen = custom_task(pipeline(REGRESSION, columns=["job", "age"], categories="codes"), found.spec.features)
    assert chosen.hot == ()
    assert [names[place] for place in chosen.numbers] == ["age", "job"]


def test_weights_of_rows_reach_the_classifier() -> None:
    found = data()
    task = custom_task(pipeline(SCALER, REGRESSION), found.spec.features)
    plain = task.build(1, 0).fit(found.matrix, found.codes)
    heavy = Weighing((1.0, 20.0), ("no", "yes")).of_rows(found.codes)
    weighted = task.build(1, 0).fit(found.matrix, found.codes, sample_weight=heavy)
    assert weighted.predict_proba(found.matrix)[:, 1].mean() > plain.predict_proba(found.matrix)[:, 1].mean() + 0.1


TREE = {"estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 2}}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "steps",
    [
        [SCALER, REGRESSION],
        [SCALER, of("svm.SVC", probability=True)],
        [SCALER, of("ensemble.RandomForestClassifier", n_estimators=20)],
        [SCALER, of("ensemble.HistGradientBoostingClassifier", max_iter=10)],
        [of("ensemble.GradientBoostingClassifier", n_estimators=10)],
        [of("ensemble.AdaBoostClassifier", estimator=TREE, n_estimators=5)],
        [SCALER, of("neural_network.MLPClassifier", hidden_layer_sizes=[6], max_iter=50)],
        [SCALER, of("neighbors.KNeighborsClassifier")],
        [of("naive_bayes.GaussianNB")],
        [of("discriminant_analysis.LinearDiscriminantAnalysis")],
        [of("ensemble.BaggingClassifier")],
        [of("feature_selection.SelectKBest", k=3), of("tree.DecisionTreeClassifier")],
        [SCALER, of("decomposition.PCA", n_components=3), of("linear_model.SGDClassifier", loss="log_loss")],
        [of("calibration.CalibratedClassifierCV", estimator={"estimator": "sklearn.svm.LinearSVC"}, cv=2)],
    ],
    ids=lambda steps: "-".join(step["estimator"].rpartition(".")[2] for step in steps),
)
@pytest.mark.filterwarnings("ignore")
def test_the_graph_answers_as_python_does(steps: list[dict[str, Any]], classes: int) -> None:
    found = data(classes)
    own = pipeline(*steps)
    check_pipeline(own, weighted=False)
    member = custom_task(own, found.spec.features).build(1, 1).fit(found.matrix, found.codes)
    exported = merge_members(
        [(convert_member(member, found.matrix, 1), 1.0)],
        spec=found.spec,
        classes=found.classes,
        label_kind="string",
        matrix=found.matrix,
        threads=1,
    )
    rng = np.random.default_rng(2)
    rows = found.matrix[rng.integers(0, 400, 500)]
    labels, probabilities = run_graph(exported.graph, rows)
    assert labels.tolist() == exported.model.predict_codes(rows).tolist()
    assert probabilities == pytest.approx(member.predict_proba(rows), abs=1e-4)


def test_a_step_without_a_converter_is_told() -> None:
    found = data()
    member = custom_task(pipeline(of("preprocessing.SplineTransformer"), REGRESSION), found.spec.features)
    fitted = member.build(1, 1).fit(found.matrix, found.codes)
    with pytest.raises(ExportError, match="SplineTransformer"):
        convert_member(fitted, found.matrix, 1)
