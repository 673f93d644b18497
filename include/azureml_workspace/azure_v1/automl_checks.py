"""What can be refused before anything is submitted, from the settings and the dataset's profile."""

from __future__ import annotations

from azureml_workspace.data.profile import ColumnProfile, DataProfile
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import UNWEIGHTED, AutoMLConfig, AutoMLSettings
from azureml_workspace.texts import shown

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


def refuse_what_only_the_local_one_has(config: AutoMLConfig) -> None:
    """:raises InvalidRequest: it asks for what AutoML on Azure has no setting for."""
    if config.custom_pipelines:
        names = ", ".join(repr(pipeline.name) for pipeline in config.custom_pipelines)
        raise InvalidRequest(
            f"custom_pipelines holds {names}; AutoML on Azure takes no pipelines of one's own, only the local backend "
            "does. Leave it empty, or use a connection with the backend 'local'."
        )
    if config.class_weights != UNWEIGHTED:
        raise InvalidRequest(
            f"class_weights is {shown(str(config.class_weights))}; AutoML on Azure weighs rows by a column of the data "
            "only, and the local backend alone weighs classes. Give 'none', or choose the primary metric "
            "norm_macro_recall, which counts classes alike."
        )


def check_submission(settings: AutoMLSettings, profile: DataProfile, *, is_own_cloud: bool) -> ColumnProfile:
    """Refuse what cannot work; gives the profile of the label. AutoML looks at the data itself, and refuses the rest.

    `is_own_cloud`: the cloud is none of Microsoft's, so it has limits of its own on time.

    :raises InvalidRequest: names the value, what was expected and what to do.
    """
    _check_models(settings)
    settings.require_columns([column.name for column in profile.columns])
    if not is_own_cloud and settings.experiment_timeout_minutes < LEAST_MINUTES:
        raise InvalidRequest(
            f"experiment_timeout_minutes is {settings.experiment_timeout_minutes:g}; AutoML on Azure takes at least "
            f"{LEAST_MINUTES}."
        )
    label = next(column for column in profile.columns if column.name == settings.label_column_name)
    _check_label(label, profile.rows)
    return label


def _check_label(label: ColumnProfile, rows: int) -> None:
    labelled = rows - label.nulls
    if labelled == 0:
        raise InvalidRequest(
            f"label column {label.name!r} is null in all {rows:,} rows; there is nothing to learn from."
        )
    if labelled < LEAST_ROWS:
        raise InvalidRequest(
            f"the dataset has {labelled} rows with a label in {label.name!r}; AutoML needs at least {LEAST_ROWS}. "
            "Add rows."
        )
    if label.distinct < 2:
        raise InvalidRequest(
            f"label column {label.name!r} has one class only in all {labelled:,} rows with a label; classification "
            "needs at least two."
        )


def _check_models(settings: AutoMLSettings) -> None:
    for setting, names in (("allowed_models", settings.allowed_models), ("blocked_models", settings.blocked_models)):
        unknown = [name for name in names if name not in MODELS]
        if unknown:
            raise InvalidRequest(f"{setting} names {unknown[0]!r}; choose among {', '.join(MODELS)}.")
