"""Weights of classes and custom pipelines, as records: what is read, and what is refused in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import (
    AutoMLConfig,
    AutoMLSettings,
    CustomPipeline,
    PipelineDefinition,
    PipelineStep,
    read_pipelines,
)

pytestmark = pytest.mark.unit

SVM = CustomPipeline(name="svm", steps=(PipelineStep(estimator="sklearn.svm.SVC", params={"probability": True}),))
CONFIG = AutoMLConfig(dataset_name="people", label_column_name="y")


def step(name: str, /, **params: Any) -> PipelineStep:
    return PipelineStep(estimator=name, params=params)


def with_steps(*steps: PipelineStep, **given: Any) -> AutoMLConfig:
    return replace(CONFIG, custom_pipelines=(CustomPipeline(**{"name": "own", "steps": steps, **given}),))


def test_settings_survive_json() -> None:
    given = replace(
        CONFIG, class_weights={"yes": 8.0}, custom_pipelines=(SVM, replace(SVM, name="b", columns=("age",)))
    )
    settings = AutoMLSettings.of(given, experiment_name="exp", dataset_version=1)
    settings.validate()
    assert AutoMLSettings.from_dict(settings.to_dict()) == settings
    assert settings.to_dict()["class_weights"] == {"yes": 8.0}


def test_settings_written_before_there_were_challengers_are_read() -> None:
    old = AutoMLSettings.of(CONFIG, experiment_name="exp", dataset_version=1).to_dict()
    del old["class_weights"], old["custom_pipelines"]
    settings = AutoMLSettings.from_dict(old)
    assert (settings.class_weights, settings.custom_pipelines) == ("none", ())


def test_a_definition_published_before_there_were_challengers_is_still_the_same_one() -> None:
    definition = PipelineDefinition(name="p", automl=CONFIG, model_name="m", experiment_name="exp")
    old = definition.to_dict()
    del old["automl"]["class_weights"], old["automl"]["custom_pipelines"]
    assert PipelineDefinition.from_dict(old).fingerprint == definition.fingerprint


def test_a_definition_with_challengers_is_another_one() -> None:
    plain = PipelineDefinition(name="p", automl=CONFIG, model_name="m", experiment_name="exp")
    others = [replace(CONFIG, class_weights="balanced"), replace(CONFIG, custom_pipelines=(SVM,))]
    prints = {replace(plain, automl=automl).fingerprint for automl in (CONFIG, *others)}
    assert len(prints) == 3


@pytest.mark.parametrize("weights", ["none", "balanced", {"yes": 8}, {"yes": 0.5, "no": 1e6}])
def test_weights_that_can_work(weights: Any) -> None:
    replace(CONFIG, class_weights=weights).validate()


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("Balanced", "class_weights is 'Balanced'; give 'none', 'balanced' or a weight for each label"),
        ("", "class_weights is ''"),
        ({}, "empty mapping"),
        ({"yes": 0}, "gives 'yes' the weight 0; give a number above 0.*To leave a class out"),
        ({"yes": -1}, "gives 'yes' the weight -1"),
        ({"yes": 2e6}, "gives 'yes' the weight 2e\\+06; give a number above 0 and up to 1,000,000"),
        ({"yes": float("nan")}, "the weight nan"),
        ({"yes": float("inf")}, "the weight inf"),
    ],
)
def test_weights_that_cannot(weights: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        replace(CONFIG, class_weights=weights).validate()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (with_steps(name=""), "the name of a custom pipeline is ''"),
        (with_steps(*SVM.steps, name="my svm"), "the name of a custom pipeline is 'my svm'; give 1 to 50"),
        (with_steps(), "'own' has 0 steps; give 1 to 20"),
        (with_steps(*SVM.steps * 21), "'own' has 21 steps"),
        (with_steps(step("SVC")), "'own' has a step 'SVC'; give a class of scikit-learn by its full name"),
        (with_steps(step("os.system")), "has a step 'os.system'"),
        (with_steps(step("sklearn.svm._classes.SVC")), "has a step 'sklearn.svm._classes.SVC'"),
        (with_steps(step("sklearn.datasets.Bunch")), "has a step 'sklearn.datasets.Bunch'"),
        (with_steps(step("sklearn.svm.SVC\n")), "has a step"),
        (
            with_steps(step("sklearn.svm.SVC", class_weight={"yes": 2})),
            "class_weight of sklearn.svm.SVC is a mapping.*class_weights to the whole run",
        ),
        (
            with_steps(step("sklearn.cluster.FeatureAgglomeration", memory="/data/drops"), *SVM.steps),
            "memory of sklearn.cluster.FeatureAgglomeration is a folder .* as code; leave it out",
        ),
        (
            with_steps(step("sklearn.calibration.CalibratedClassifierCV", estimator={"estimator": "subprocess.Popen"})),
            "has a step 'subprocess.Popen'",
        ),
        (
            with_steps(step("sklearn.calibration.CalibratedClassifierCV", estimator={"estimator": 3, "x": 1})),
            'estimator of sklearn.calibration.CalibratedClassifierCV is .*give {"estimator"',
        ),
        (replace(CONFIG, custom_pipelines=(SVM, replace(SVM, name="SVM"))), "two custom pipelines are named 'SVM'"),
        (replace(CONFIG, custom_pipelines=(SVM,) * 11), "holds 11 pipelines; give 10 at most"),
        (replace(CONFIG, custom_pipelines=(SVM,), iterations=1), "iterations is 1, and 1 .* give at least 2"),
        (with_steps(*SVM.steps, columns=("y",)), "'own' wants column 'y', which is the label"),
    ],
)
def test_pipelines_that_cannot_work(config: AutoMLConfig, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        config.validate()


def test_columns_of_a_pipeline_have_to_be_there_and_not_excluded() -> None:
    config = with_steps(*SVM.steps, columns=("age", "job"))
    config.validate()
    config.require_columns(["age", "job", "y"])
    with pytest.raises(InvalidRequest, match="custom pipeline 'own' wants column 'job'; the dataset has no such"):
        config.require_columns(["age", "y"])
    with pytest.raises(InvalidRequest, match="wants column 'job', which is in exclude_columns"):
        replace(config, exclude_columns=("job",)).validate()


def test_what_people_write_is_read() -> None:
    written = [{"name": "svm", "steps": [{"estimator": "sklearn.svm.SVC", "params": {"probability": True}}]}]
    assert read_pipelines(written) == (SVM,)
    assert read_pipelines((SVM,)) == (SVM,)
    assert read_pipelines([]) == ()


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("svm", "custom_pipelines is 'svm'; give a list of objects such as"),
        ({"name": "svm"}, "give a list of objects"),
        (["svm"], r"custom_pipelines\[0\] is 'svm'; give an object with the fields name, steps"),
        ([{"name": "svm", "stepps": []}], r"custom_pipelines\[0\] has no field 'stepps'; did you mean 'steps'"),
        ([{"name": "svm"}], r"custom_pipelines\[0\]: .*missing required field `steps`"),
        ([{"name": 5, "steps": []}], r"custom_pipelines\[0\]: .*Expected `str`"),
        ([{"name": "svm", "steps": {"a": 1}}], r"custom_pipelines\[0\]: .*Expected `array`"),
        ([{"name": "svm", "steps": ["a"]}], r"custom_pipelines\[0\].steps\[0\] is 'a'; give an object"),
        ([{"name": "a", "steps": [{"estimator": "x", "parms": 1}]}], r"steps\[0\] has no field 'parms'; .*'params'"),
        ([{"name": "a", "steps": [], "categories": "some"}], "categories"),
    ],
)
def test_what_people_misspell_is_named(written: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_pipelines(written)
