"""What can be refused before anything is submitted, from the settings and the dataset's schema."""

from __future__ import annotations

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLSettings, DatasetVersion

MODELS = (
    "AveragedPerceptronClassifier",
    "BernoulliNaiveBayes",
    "DecisionTree",
    "ExtremeRandomTrees",
    "GradientBoosting",
    "KNN",
    "LightGBM",
    "LinearSVM",
    "LogisticRegression",
    "MultinomialNaiveBayes",
    "RandomForest",
    "SGD",
    "SVM",
    "TabnetClassifier",
    "TensorFlowDNN",
    "TensorFlowLinearClassifier",
    "XGBoostClassifier",
)
"""`azureml.train.automl.constants.SupportedModels.Classification`."""
LEAST_MINUTES = 15
LEAST_ROWS = 50
"""Limits of AutoML on Azure; it is no use to submit a run that breaks them."""


def check_submission(settings: AutoMLSettings, dataset: DatasetVersion, *, is_own_cloud: bool) -> None:
    """Refuse what cannot work. AutoML looks at the data itself, and refuses the rest.

    `is_own_cloud`: the cloud is none of Microsoft's, so it has limits of its own on time.

    :raises InvalidRequest: names the value, what was expected and what to do.
    """
    _check_models(settings)
    _check_columns(settings, [column.name for column in dataset.columns])
    if not is_own_cloud and settings.experiment_timeout_minutes < LEAST_MINUTES:
        raise InvalidRequest(
            f"experiment_timeout_minutes is {settings.experiment_timeout_minutes:g}; AutoML on Azure takes at least "
            f"{LEAST_MINUTES}."
        )
    if dataset.rows < LEAST_ROWS:
        raise InvalidRequest(
            f"dataset {dataset.name}:{dataset.version} has {dataset.rows} rows; AutoML needs at least {LEAST_ROWS}. "
            "Add rows."
        )


def _check_models(settings: AutoMLSettings) -> None:
    for setting, names in (("allowed_models", settings.allowed_models), ("blocked_models", settings.blocked_models)):
        unknown = [name for name in names if name not in MODELS]
        if unknown:
            raise InvalidRequest(f"{setting} names {unknown[0]!r}; choose among {', '.join(MODELS)}.")


def _check_columns(settings: AutoMLSettings, names: list[str]) -> None:
    if settings.label_column_name not in names:
        raise InvalidRequest(
            f"label_column_name is {settings.label_column_name!r}; the dataset has no such column. Choose one of "
            f"{', '.join(map(repr, names[:20]))}{' and more' if len(names) > 20 else ''}."
        )
    unknown = [name for name in settings.exclude_columns if name not in names]
    if unknown:
        raise InvalidRequest(f"exclude_columns names {unknown[0]!r}; the dataset has no such column.")
    if not set(names) - set(settings.exclude_columns) - {settings.label_column_name}:
        raise InvalidRequest("no column is left to learn from; the dataset needs at least one besides the label.")
