"""The SDK's `AutoMLConfig` for the seam's settings: for a run of its own, and for a step of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azureml_workspace.azure_v1.sdk.session import SdkSession
from azureml_workspace.records import AutoMLSettings

if TYPE_CHECKING:
    from azureml.train.automl import AutoMLConfig


def automl_config(session: SdkSession, settings: AutoMLSettings, training_data: Any, folder: str) -> AutoMLConfig:
    """`training_data` is the SDK's dataset; `folder` an empty one, which the SDK takes for the source code.

    What Azure does not know is left out: the seed. ONNX is not asked for: it would cost Azure's AutoML the stack
    ensemble, its feature sweeping and some of its models, and what is served there is `model.pkl`.
    """
    from azureml.automl.core.featurization.featurizationconfig import FeaturizationConfig
    from azureml.core.compute import ComputeTarget
    from azureml.train.automl import AutoMLConfig

    _lower_the_least_time(session)
    excluded = list(settings.exclude_columns)
    given = {
        "iterations": settings.iterations,
        "n_cross_validations": settings.n_cross_validations,
        "validation_size": settings.validation_size,
        "experiment_exit_score": settings.experiment_exit_score,
        "allowed_models": list(settings.allowed_models) or None,
        "blocked_models": list(settings.blocked_models) or None,
    }
    return AutoMLConfig(
        task="classification",
        primary_metric=settings.primary_metric,
        training_data=training_data,
        label_column_name=settings.label_column_name,
        compute_target=ComputeTarget(session.workspace, settings.compute_target),
        experiment_timeout_minutes=settings.experiment_timeout_minutes,
        max_concurrent_iterations=settings.max_concurrent_iterations,
        enable_early_stopping=settings.enable_early_stopping,
        featurization=FeaturizationConfig(drop_columns=excluded) if excluded else "auto",
        path=folder,
        **{name: value for name, value in given.items() if value is not None},
    )


def _lower_the_least_time(session: SdkSession) -> None:
    """Azure gives AutoML at least 15 minutes, and the SDK refuses less before it asks. A cloud of one's own may not."""
    if session.is_own_cloud:
        from azureml.automl.core.automl_base_settings import AutoMLBaseSettings

        AutoMLBaseSettings.MIN_EXPTIMEOUT_MINUTES = 0
