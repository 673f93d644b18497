"""A scikit-learn pipeline of one's own, as data: class names and JSON parameters, no code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeGuard

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records.base import Record
from azureml_workspace.texts import shown

SKLEARN_MODULES = (
    "sklearn.calibration",
    "sklearn.cluster",
    "sklearn.cross_decomposition",
    "sklearn.decomposition",
    "sklearn.discriminant_analysis",
    "sklearn.dummy",
    "sklearn.ensemble",
    "sklearn.feature_selection",
    "sklearn.gaussian_process",
    "sklearn.impute",
    "sklearn.kernel_approximation",
    "sklearn.linear_model",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.neural_network",
    "sklearn.preprocessing",
    "sklearn.random_projection",
    "sklearn.semi_supervised",
    "sklearn.svm",
    "sklearn.tree",
)
"""Where a step's class may come from: scikit-learn's own public modules of transformers and classifiers."""

MOST_PIPELINES = 10
MOST_STEPS = 20

_ESTIMATOR = re.compile(r"(sklearn\.[a-z_]+)\.[A-Z][A-Za-z0-9]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,49}")
_EXAMPLE = '{"name": "scaled-svm", "steps": [{"estimator": "sklearn.svm.SVC", "params": {"probability": true}}]}'


@dataclass(frozen=True, kw_only=True)
class PipelineStep(Record):
    """A scikit-learn class by its full public name, and the keyword arguments (JSON values) it is made with.

    A value `{"estimator": ..., "params": {...}}` is an estimator inside this one, as CalibratedClassifierCV takes it.
    """

    estimator: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CustomPipeline(Record):
    """A challenger: transformers, and last a classifier with `predict_proba`.

    The first step gets the numeric table that AutoML makes of the raw columns: missing numbers filled, dates in parts.
    `categories` says what it holds of a text column: one column of 0 and 1 per value (`one_hot`, up to 50 values), or
    the value's number (`codes`), which is for trees. `columns` are the raw columns to use, all when there are none.
    """

    name: str
    steps: tuple[PipelineStep, ...]
    columns: tuple[str, ...] = ()
    categories: Literal["one_hot", "codes"] = "one_hot"

    def validate(self) -> None:
        """Check what can be checked without scikit-learn.

        :raises InvalidRequest: names the first bad value, what was expected and what to do.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidRequest(
                f"the name of a custom pipeline is {shown(self.name)}; give 1 to 50 letters, digits, dashes, "
                "underscores and dots, starting with a letter."
            )
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise InvalidRequest(
                f"custom pipeline {self.name!r} has {len(self.steps)} steps; give 1 to {MOST_STEPS}, the last one a "
                "classifier."
            )
        for step in self.steps:
            self._validate_step(step.estimator, step.params)

    def _validate_step(self, estimator: object, params: Mapping[str, Any]) -> None:
        matched = _ESTIMATOR.fullmatch(estimator) if isinstance(estimator, str) else None
        if matched is None or matched[1] not in SKLEARN_MODULES:
            raise InvalidRequest(
                f"custom pipeline {self.name!r} has a step {shown(str(estimator))}; give a class of scikit-learn by "
                "its full name, such as 'sklearn.linear_model.LogisticRegression', out of one of the modules "
                f"{', '.join(SKLEARN_MODULES)}."
            )
        if params.get("memory") is not None:
            raise InvalidRequest(
                f"custom pipeline {self.name!r}: memory of {estimator} is a folder whose files scikit-learn would load "
                "as Python objects, and so as code; leave it out."
            )
        if isinstance(params.get("class_weight"), Mapping):
            raise InvalidRequest(
                f"custom pipeline {self.name!r}: class_weight of {estimator} is a mapping, and a pipeline sees numbers "
                "for the classes. Give 'balanced' there, or class_weights to the whole run."
            )
        for name, value in params.items():
            if is_nested_step(value):
                inner = value.get("params", {})
                if set(value) - {"estimator", "params"} or not isinstance(inner, Mapping):
                    raise InvalidRequest(
                        f"custom pipeline {self.name!r}: {name} of {estimator} is {shown(str(value))}; give "
                        '{"estimator": ..., "params": {...}} for an estimator inside another one.'
                    )
                self._validate_step(value["estimator"], inner)


def is_nested_step(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a parameter's value stands for an estimator inside another one: `{"estimator": ..., "params": {}}`."""
    return isinstance(value, Mapping) and "estimator" in value


def validate_pipelines(pipelines: Sequence[CustomPipeline]) -> None:
    """Each by itself, and that their names tell them apart. :raises InvalidRequest:"""
    if len(pipelines) > MOST_PIPELINES:
        raise InvalidRequest(f"custom_pipelines holds {len(pipelines)} pipelines; give {MOST_PIPELINES} at most.")
    seen: set[str] = set()
    for pipeline in pipelines:
        pipeline.validate()
        if pipeline.name.lower() in seen:
            raise InvalidRequest(f"two custom pipelines are named {pipeline.name!r}; give each a name of its own.")
        seen.add(pipeline.name.lower())


def read_pipelines(given: object) -> tuple[CustomPipeline, ...]:
    """What people write: a list of objects, every field of which must be known.

    `from_dict` skips what it does not know; here that would be a misspelt setting that nobody looks at.

    :raises InvalidRequest: names the place and what was expected.
    """
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise InvalidRequest(f"custom_pipelines is {shown(str(given))}; give a list of objects such as {_EXAMPLE}.")
    return tuple(_read_pipeline(f"custom_pipelines[{place}]", item) for place, item in enumerate(given))


def close_match(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is none of `known`: the likeliest ones, or all."""
    names = {one.lower(): one for one in known}
    near = " or ".join(repr(names[one]) for one in difflib.get_close_matches(name.lower(), names, n=3))
    return f"did you mean {near}?" if near else f"there are {', '.join(names.values()) or 'none'}."


def _read_pipeline(place: str, item: object) -> CustomPipeline:
    if isinstance(item, CustomPipeline):
        return item
    _require_fields(place, item, CustomPipeline)
    steps = item.get("steps") if isinstance(item, Mapping) else None
    for number, step in enumerate(steps if isinstance(steps, Sequence) and not isinstance(steps, str) else ()):
        if not isinstance(step, PipelineStep):
            _require_fields(f"{place}.steps[{number}]", step, PipelineStep)
    try:
        return CustomPipeline.from_dict(item)  # type: ignore[arg-type]  # `_require_fields` has seen to it
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}: {error} Give an object such as {_EXAMPLE}.") from error


def _require_fields(place: str, item: object, record: type[CustomPipeline | PipelineStep]) -> None:
    known = [one.name for one in fields(record)]
    if not isinstance(item, Mapping):
        raise InvalidRequest(f"{place} is {shown(str(item))}; give an object with the fields {', '.join(known)}.")
    for name in item:
        if name not in known:
            raise InvalidRequest(f"{place} has no field {shown(str(name))}; {close_match(str(name), known)}")
