from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from azureml_workspace.azure_v1.automl_documents import (
    child_record,
    classes_of,
    findings_of,
    is_trial,
    rows_of,
    time_limit_minutes,
    unlabelled_rows_of,
    validation_of,
)
from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

NONSENSE = [None, b"", b"{", b"[]", b'"text"', b'{"data": [], "faults": {}}', b'{"data": {"class_labels": 1}}']


def a_run(
    *, properties: dict[str, str] | None = None, tags: dict[str, str] | None = None, seconds: float = 2.0
) -> HistoryRun:
    started = datetime(2026, 1, 1, tzinfo=UTC)
    return HistoryRun(
        run_id="AutoML_1_3",
        experiment_id="e",
        kind="azureml.scriptrun",
        status=RunStatus.COMPLETED,
        created=started,
        started=started,
        ended=started + timedelta(seconds=seconds),
        parent_run_id="AutoML_1",
        error="",
        properties=properties or {},
        tags=tags or {},
    )


def test_a_trial() -> None:
    spec = {
        "objects": [
            {"class_name": "MaxAbsScaler", "spec_class": "preproc", "param_kwargs": {"copy": True}},
            {"class_name": "LightGBMClassifier", "spec_class": "sklearn", "param_kwargs": {"num_leaves": 31}},
        ]
    }
    properties = {
        "runTemplate": "automl_child",
        "iteration": "3",
        "run_algorithm": "LightGBM",
        "score": "0.875",
        "pipeline_spec": json.dumps(spec),
    }
    trial = a_run(properties=properties)
    assert is_trial(trial)
    record = child_record(trial, {"accuracy": 0.8})
    assert (record.iteration, record.algorithm, record.score, record.duration_seconds) == (3, "LightGBM", 0.875, 2.0)
    assert record.parameters == {"num_leaves": "31"}
    assert record.metrics == {"accuracy": 0.8}


@pytest.mark.parametrize("score", ["nan", "NaN", "", "none"])
def test_a_failed_trial_has_no_score(score: str) -> None:
    properties = {"runTemplate": "automl_child", "iteration": "0", "score": score, "pipeline_spec": "{"}
    record = child_record(a_run(properties=properties), {})
    assert record.score is None
    assert record.parameters == {}


def test_the_run_that_sets_automl_up_is_no_trial() -> None:
    assert not is_trial(a_run(properties={"runTemplate": "setup"}))
    assert not is_trial(a_run(properties={"runTemplate": "automl_child", "iteration": "setup"}))


def test_the_time_limit_is_the_one_that_was_asked_for() -> None:
    settings = json.dumps({"experiment_timeout_minutes": 15})
    assert time_limit_minutes(a_run(properties={"AMLSettingsJsonString": settings})) == 15
    ours = {"airflow.experiment_timeout_minutes": "0.25", "AMLSettingsJsonString": settings}
    assert time_limit_minutes(a_run(properties=ours)) == 0.25
    assert time_limit_minutes(a_run(properties={"AMLSettingsJsonString": "?"})) == 0


def test_rows() -> None:
    problem = {"ProblemInfoJsonString": json.dumps({"dataset_samples": 390})}
    assert rows_of(a_run(properties={"airflow.labelled_rows": "400", **problem})) == 390
    assert rows_of(a_run(properties={"airflow.labelled_rows": "400"})) == 400
    assert rows_of(a_run()) == 0
    assert unlabelled_rows_of(a_run(properties={"airflow.unlabelled_rows": "10"})) == 10
    assert unlabelled_rows_of(a_run()) == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_cross_validations": 5}, "5-fold cross-validation"),
        ({"validation_size": 0.2}, "a holdout of 20% of the rows"),
        ({"n_cross_validations": None, "validation_size": 0.0}, "chosen by AutoML"),
        ({"n_cross_validations": "auto"}, "chosen by AutoML"),
    ],
)
def test_validation(settings: dict[str, object], words: str) -> None:
    run = a_run(properties={"AMLSettingsJsonString": json.dumps(settings)})
    assert validation_of(run) == words
    assert validation_of(a_run(properties=run.properties, tags={"auto": "3 folds"})) == f"{words} (3 folds)"


def test_guardrails_that_found_something() -> None:
    passed = {"type": "missing_values", "result": "Passed", "friendly_type": "Missing values"}
    alerted = {
        "type": "class_balancing",
        "result": "Alerted",
        "friendly_type": "Class balancing detection",
        "friendly_result": "Imbalanced data can lead to a falsely perceived positive effect.",
        "friendly_learn_more": "Learn more",
        "friendly_parameters": [{"Column name": "y", "Size": "3"}, {"Other": "1"}],
    }
    done = {"type": "high_cardinality", "result": "Done", "friendly_type": "High cardinality"}
    found = findings_of(json.dumps({"schema_version": "1.0.0", "faults": [passed, alerted, done]}).encode())
    assert [(finding.guard, finding.severity, finding.columns) for finding in found] == [
        ("class_balancing", "warning", ("y",)),
        ("high_cardinality", "info", ()),
    ]
    assert found[0].message.startswith("Imbalanced data")
    assert found[1].message == "High cardinality"


def test_classes() -> None:
    matrix = {"schema_type": "confusion_matrix", "data": {"class_labels": ["no", "yes"], "matrix": [[1, 2], [3, 4]]}}
    assert classes_of(json.dumps(matrix).encode()) == ("no", "yes")


@pytest.mark.parametrize("content", NONSENSE)
def test_documents_of_another_form_say_nothing(content: bytes | None) -> None:
    assert classes_of(content) == ()
    assert findings_of(content) == ()
