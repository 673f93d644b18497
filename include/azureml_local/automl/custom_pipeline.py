"""From a custom pipeline's record to scikit-learn's own `Pipeline`, checked before anything is fitted."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import CustomPipeline, close_match, is_nested_step
from azureml_workspace.texts import shown


def check_pipelines(pipelines: Iterable[CustomPipeline], *, weighted: bool) -> None:
    """`check_pipeline` for each. :raises InvalidRequest:"""
    for pipeline in pipelines:
        check_pipeline(pipeline, weighted=weighted)


def check_pipeline(pipeline: CustomPipeline, *, weighted: bool) -> None:
    """Refuse a pipeline that scikit-learn could not fit; `weighted` when the run weighs classes.

    :raises InvalidRequest: names the pipeline, the step and what was expected.
    """
    pipeline.validate()
    made = build_pipeline(pipeline, threads=1, seed=0)
    last = made.steps[-1][1]
    if weighted and not has_fit_parameter(last, "sample_weight"):
        raise InvalidRequest(
            f"custom pipeline {pipeline.name!r} ends in {type(last).__name__}, which takes no weights of rows, so "
            "class_weights cannot be applied to it. Take another classifier, or leave class_weights at 'none'."
        )


def build_pipeline(pipeline: CustomPipeline, *, threads: int, seed: int) -> Pipeline:
    """The unfitted pipeline. Every step that takes `n_jobs` gets `threads`, and `seed` for a `random_state` not given.

    :raises InvalidRequest: a class or a parameter is none of scikit-learn's, or has a value that it does not take, or
        the steps are not transformers with a classifier last.
    """
    where = f"custom pipeline {pipeline.name!r}"
    steps = [_build(where, step.estimator, step.params, threads, seed) for step in pipeline.steps]
    for made in steps[:-1]:
        if not hasattr(made, "transform"):
            raise InvalidRequest(
                f"{where}: {type(made).__name__} is not its last step and has no `transform`; every step but the last "
                "one must be a transformer."
            )
    last = steps[-1]
    if not is_classifier(last):
        raise InvalidRequest(f"{where} ends in {type(last).__name__}, which is no classifier; add one.")
    if not hasattr(last, "predict_proba"):
        raise InvalidRequest(
            f"{where} ends in {type(last).__name__} without `predict_proba`, and AutoML needs probabilities. Put it "
            "into sklearn.calibration.CalibratedClassifierCV, or take a classifier that has it."
        )
    return Pipeline([(f"{place}-{type(made).__name__}".lower(), made) for place, made in enumerate(steps, 1)])


def _build(where: str, estimator: str, params: Mapping[str, Any], threads: int, seed: int) -> Any:
    kind = _find(where, estimator)
    known = list(inspect.signature(kind).parameters)
    for name in params:
        if name not in known:
            raise InvalidRequest(f"{where}: {kind.__name__} has no parameter {shown(name)}; {close_match(name, known)}")
    given = {
        name: _build(where, value["estimator"], value.get("params", {}), threads, seed)
        if is_nested_step(value)
        else value
        for name, value in params.items()
    }
    if "random_state" in known:
        given.setdefault("random_state", seed)
    if "n_jobs" in known and (threads > 1 or "n_jobs" in given):  # none is one
        given["n_jobs"] = threads
    return _checked(where, kind, given)


def _find(where: str, estimator: str) -> type[Any]:
    module, _, name = estimator.rpartition(".")
    known = importlib.import_module(module)
    public = [
        one
        for one, value in vars(known).items()
        if inspect.isclass(value) and issubclass(value, BaseEstimator) and not one.startswith("_")
        and not inspect.isabstract(value)
    ]  # fmt: skip
    if name not in public:
        raise InvalidRequest(f"{where}: {module} has no estimator {shown(name)}; {close_match(name, public)}")
    kind: type[Any] = getattr(known, name)
    return kind


def _checked(where: str, kind: type[Any], given: Mapping[str, Any]) -> Any:
    """The estimator, its parameters held to scikit-learn's own constraints.

    JSON has no tuples, and some parameters take nothing else: lists become tuples where lists are refused.
    """
    try:
        return _made(kind, given)
    except (ValueError, TypeError) as error:
        tuples = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        if tuples == given:
            raise InvalidRequest(f"{where}: {error}") from error
    try:
        return _made(kind, tuples)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"{where}: {error}") from error


def _made(kind: type[Any], given: Mapping[str, Any]) -> Any:
    made = kind(**given)
    made._validate_params()
    return made
