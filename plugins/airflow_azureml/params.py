"""Fields of the trigger form that more than one DAG has. A DAG gives the defaults and adds fields of its own."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from azureml_workspace.records import PRIMARY_METRICS

ASSET_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$"
"""The rule of `validate_dataset_name`, `validate_model_name` and `validate_pipeline_name`."""

EXPERIMENT_NAME = "^[A-Za-z0-9][A-Za-z0-9_-]{2,35}$"
"""The rule of `validate_experiment_name`."""

COMPUTE_NAME = "^[A-Za-z][A-Za-z0-9-]{0,22}[A-Za-z0-9]$"
"""The rule of `validate_compute_name`."""

SERVICE_NAME = "^[a-z][a-z0-9-]{1,30}[a-z0-9]$"
"""The rule of `validate_service_name`."""

_AS_DEFINED = "Default: as in the pipeline's definition."
_EXPERIMENT_RULE = "3 to 36 letters, digits, dashes and underscores."
_EXPERIMENT: dict[str, Any] = {"pattern": EXPERIMENT_NAME, "title": "Experiment", "section": "Names"}
_TIMEOUT: dict[str, Any] = {"minimum": 0.1, "maximum": 1440, "title": "Time limit in minutes", "section": "AutoML"}
_MODELS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string"},
    "examples": [
        "LightGBM",
        "XGBoostClassifier",
        "GradientBoosting",
        "RandomForest",
        "ExtremeRandomTrees",
        "LogisticRegression",
        "DecisionTree",
    ],
    "section": "AutoML",
}
"""The form offers what both backends have; Azure has more, which a configuration in JSON may name."""

_ITERATIONS: dict[str, Any] = {"minimum": 1, "title": "Most trials", "section": "AutoML"}


def data_params(*, data_path: str, label: str) -> dict[str, Param]:
    """Which CSV, how to read it, and what to predict."""
    return {
        "data_path": Param(
            data_path,
            type="string",
            minLength=1,
            title="Data",
            description="A CSV file: a path on the worker, or a URI (file, http, https, wasbs, abfs). "
            "It is stored with the DAG run, so give no password or signature in it.",
            section="Data",
        ),
        **reading_params(label=label),
    }


def reading_params(*, label: str) -> dict[str, Param]:
    """How CSV files are read, and what to predict from which columns."""
    return {
        "separator": Param(
            ",",
            type="string",
            minLength=1,
            maxLength=2,
            title="Separator",
            description=r"\t is a tab.",
            section="Data",
        ),
        "encoding": Param(
            "utf-8",
            type="string",
            minLength=1,
            title="Encoding",
            description="A Python codec name; cp1252 for what older Windows programs save, utf-16, latin-1.",
            section="Data",
        ),
        "label": Param(
            label,
            type="string",
            minLength=1,
            title="Label column",
            description="The column to predict.",
            section="Data",
        ),
        "exclude_columns": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Columns to leave out",
            description="No model sees them; for example a column that is only known after the fact, such as duration.",
            section="Data",
        ),
    }


def name_params(*, dataset_name: str, experiment_name: str) -> dict[str, Param]:
    """What the dataset, the experiment and the model are called."""
    return {
        "dataset_name": Param(
            dataset_name,
            type="string",
            pattern=ASSET_NAME,
            title="Dataset",
            description="Letters, digits, dashes, underscores and dots.",
            section="Names",
        ),
        "experiment_name": Param(experiment_name, type="string", **_EXPERIMENT, description=_EXPERIMENT_RULE),
        "model_name": Param(
            None,
            type=["string", "null"],
            pattern=ASSET_NAME,
            title="Model",
            description="As for a dataset. Default: the dataset's name.",
            section="Names",
        ),
    }


def experiment_override_param() -> Param:
    """The experiment of one run of a pipeline; nothing leaves it to the pipeline's definition."""
    return Param(None, type=["string", "null"], **_EXPERIMENT, description=f"{_EXPERIMENT_RULE} {_AS_DEFINED}")


def pipeline_param(default: str) -> Param:
    """The published pipeline."""
    return Param(
        default,
        type="string",
        pattern=ASSET_NAME,
        title="Pipeline",
        description="Letters, digits, dashes, underscores and dots.",
        section="Names",
    )


def service_param(default: str, *, description: str = "") -> Param:
    """The web service."""
    rule = "3 to 32 lowercase letters, digits and dashes, starting with a letter."
    return Param(
        default,
        type="string",
        pattern=SERVICE_NAME,
        title="Web service",
        description=f"{description} {rule}".strip(),
        section="Names",
    )


def automl_params() -> dict[str, Param]:
    """The metric and the limits of AutoML, and what competes; `automl_arguments` hands them on."""
    return {
        "primary_metric": Param(
            "AUC_weighted",
            type="string",
            enum=list(PRIMARY_METRICS),
            title="Primary metric",
            description="What AutoML makes as good as it can.",
            section="AutoML",
        ),
        "experiment_timeout_minutes": Param(
            1.0,
            type="number",
            **_TIMEOUT,
            description="For the whole AutoML run.",
        ),
        "iterations": Param(
            None,
            type=["integer", "null"],
            **_ITERATIONS,
            description="Default: only time limits them.",
        ),
        "allowed_models": Param([], **_MODELS, title="Models to try", description="Default: all."),
        "blocked_models": Param([], **_MODELS, title="Models not to try", description="Default: none."),
        "class_weights": Param(
            "none",
            type=["string", "object"],
            minLength=1,
            title="Weights of the classes",
            description="none, balanced (a rare class counts as much as a frequent one), or a weight for each label, "
            'such as {"yes": 8}. Metrics count each row alike. Local backend only.',
            section="AutoML",
        ),
        "custom_pipelines": Param(
            [],
            type="array",
            items={"type": "object"},
            title="Pipelines of your own",
            description="scikit-learn pipelines that compete with the models above: a JSON list such as "
            '[{"name": "scaled-svm", "steps": [{"estimator": "sklearn.preprocessing.StandardScaler"}, '
            '{"estimator": "sklearn.svm.SVC", "params": {"probability": true}}]}]. Local backend only.',
            section="AutoML",
        ),
    }


def automl_arguments() -> dict[str, Any]:
    """What an operator with AutoML's parameters is given, so that every field of `automl_params` counts."""
    plain = ("primary_metric", "experiment_timeout_minutes", "iterations")
    structured = ("allowed_models", "blocked_models", "custom_pipelines")
    return {
        **{name: f"{{{{ params.{name} }}}}" for name in plain},
        **{name: f"{{{{ params.{name} | tojson }}}}" for name in structured},
        "class_weights": (
            "{{ params.class_weights if params.class_weights is string else params.class_weights | tojson }}"
        ),
    }


def automl_override_params() -> dict[str, Param]:
    """The limits of AutoML where a pipeline's definition has them already; nothing leaves them to it."""
    return {
        "experiment_timeout_minutes": Param(None, type=["number", "null"], **_TIMEOUT, description=_AS_DEFINED),
        "iterations": Param(None, type=["integer", "null"], **_ITERATIONS, description=_AS_DEFINED),
    }


def compute_params() -> dict[str, Param]:
    """Where AutoML runs."""
    return {
        "compute_target": Param(
            "cpu-cluster",
            type="string",
            pattern=COMPUTE_NAME,
            title="Compute target",
            description="Made when there is none of this name. 2 to 24 letters, digits and dashes.",
            section="AutoML",
        ),
        "max_nodes": Param(
            1,
            type="integer",
            minimum=1,
            title="Nodes of a new one",
            description="So many AutoML runs at once; others wait their turn.",
            section="AutoML",
        ),
    }
