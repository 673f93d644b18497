"""What the SDK's `AutoMLConfig` asks for, as the engine's settings. What the engine cannot do is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from azureml_local.automl.catalog import ALLOWED_MODELS
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLSettings, DatasetVersion
from azureml_workspace.texts import shown

LEAST_TIMEOUT_MINUTES = 15
"""The SDK refuses to read settings with a shorter time."""
ALL_ITERATIONS = 1000
"""What the SDK sends when only time bounds the trials."""

_LONGEST_MINUTES = 24 * 60
"""The engine's limit; the SDK's own default is six days."""
_REFUSED = {
    "is_timeseries": "forecasting",
    "weight_column_name": "weights of rows (weight_column_name)",
    "cv_split_column_names": "folds that a column names (cv_split_column_names)",
    "test_size": "a test of the model on rows kept aside (test_size)",
    "enable_dnn": "neural networks (enable_dnn)",
}
_CUSTOM_FEATURIZATION = ("_blocked_transformers", "_column_purposes", "_transformer_params")


def read_settings(
    given: Mapping[str, Any], *, experiment: str, dataset: DatasetVersion, compute_target: str
) -> AutoMLSettings:
    """The settings in `amlSettingsJsonString`, decoded.

    :raises InvalidRequest: they ask for something that the engine does not do, or cannot work.
    """
    task = given.get("task_type")
    if task != "classification":
        raise InvalidRequest(f"task is {shown(str(task))}; the local Azure ML's AutoML does classification only.")
    for name, words in _REFUSED.items():
        if given.get(name):
            raise InvalidRequest(f"the local Azure ML's AutoML has no {words}; leave it out.")
    if compute_target == "local":
        raise InvalidRequest("compute_target is 'local', which is the script's own process; name a compute target.")
    try:
        settings = AutoMLSettings(
            experiment_name=experiment,
            dataset_name=dataset.name,
            dataset_version=dataset.version,
            label_column_name=str(given.get("label_column_name") or ""),
            primary_metric=str(given.get("primary_metric") or "accuracy"),
            experiment_timeout_minutes=min(float(given["experiment_timeout_minutes"]), _LONGEST_MINUTES),
            iterations=_iterations(given.get("iterations")),
            max_concurrent_iterations=int(given.get("max_concurrent_iterations") or 1),
            allowed_models=_allowed(given.get("whitelist_models") or ()),
            blocked_models=tuple(name for name in given.get("blacklist_algos") or () if name in ALLOWED_MODELS),
            enable_early_stopping=bool(given.get("enable_early_stopping")),
            n_cross_validations=_folds(given.get("n_cross_validations")),
            validation_size=float(given.get("validation_size") or 0) or None,
            experiment_exit_score=given.get("experiment_exit_score"),
            exclude_columns=_excluded(given),
            compute_target=compute_target,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"the settings of the AutoML run make no sense: {error}.") from error
    settings.validate()
    return settings


def readable_by_sdk(given: Mapping[str, Any]) -> str:
    """The settings as the SDK can read them again: it refuses those with a time below its own limit."""
    minutes = given.get("experiment_timeout_minutes")
    if isinstance(minutes, int | float) and minutes < LEAST_TIMEOUT_MINUTES:
        given = {**given, "experiment_timeout_minutes": LEAST_TIMEOUT_MINUTES}
    return json.dumps(given)


def training_dataset_id(text: str | None) -> str:
    """The saved id of the dataset in `dataPrepJsonString`, whose quotes the SDK escapes once more.

    :raises InvalidRequest: it names none, or more than the one to train on.
    """
    try:
        named = json.loads(str(text or "").replace('\\"', '"').replace("\\\\", "\\"))
        key = str(named["training_data"]["datasetId"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest("the AutoML run names no TabularDataset as its training_data.") from error
    others = [name for name in ("validation_data", "test_data") if named.get(name)]
    if others:
        raise InvalidRequest(
            f"the local Azure ML's AutoML takes no {others[0]}; give validation_size or n_cross_validations instead."
        )
    return key


def _iterations(given: Any) -> int | None:
    return None if given is None or int(given) >= ALL_ITERATIONS else int(given)


def _folds(given: Any) -> int | None:
    return None if given in (None, "auto") else int(given)


def _allowed(names: Sequence[str]) -> tuple[str, ...]:
    """Those that the engine has. :raises InvalidRequest: it has none of them."""
    found = tuple(name for name in names if name in ALLOWED_MODELS)
    if names and not found:
        raise InvalidRequest(
            f"allowed_models names {', '.join(names)}, none of which is here; choose among {', '.join(ALLOWED_MODELS)}."
        )
    return found


def _excluded(given: Mapping[str, Any]) -> tuple[str, ...]:
    """:raises InvalidRequest: the featurization is customised in another way than by leaving columns out."""
    featurization = given.get("featurization")
    excluded = list(given.get("drop_column_names") or ())
    if isinstance(featurization, Mapping):
        custom = [name.strip("_") for name in _CUSTOM_FEATURIZATION if featurization.get(name)]
        if custom:
            raise InvalidRequest(
                f"featurization sets {custom[0]}; the local Azure ML's AutoML knows drop_columns only."
            )
        excluded += featurization.get("_drop_columns") or ()
    return tuple(dict.fromkeys(map(str, excluded)))
