"""The records that cross the seam: frozen, typed, JSON, small, and without secrets (`ServiceKeys` excepted)."""

from azureml_workspace.records.automl import (
    PRIMARY_METRICS,
    AutoMLConfig,
    AutoMLProgress,
    AutoMLResult,
    AutoMLSettings,
    DataGuardFinding,
    PrimaryMetric,
)
from azureml_workspace.records.base import Record
from azureml_workspace.records.class_weights import BALANCED, UNWEIGHTED, ClassWeights, require_classes
from azureml_workspace.records.compute import ComputeTarget
from azureml_workspace.records.custom_pipeline import (
    CustomPipeline,
    PipelineStep,
    close_match,
    is_nested_step,
    read_pipelines,
)
from azureml_workspace.records.dataset import ColumnKind, ColumnSchema, DatasetFile, DatasetSource, DatasetVersion
from azureml_workspace.records.document import (
    MAX_DOCUMENT_BYTES,
    Document,
    DocumentEntry,
    document_content,
    document_text,
    validate_document_path,
)
from azureml_workspace.records.inputs import MAX_INPUT_ROWS, InputSample
from azureml_workspace.records.model import ModelVersion
from azureml_workspace.records.names import (
    validate_compute_name,
    validate_dataset_name,
    validate_experiment_name,
    validate_model_name,
    validate_pipeline_name,
    validate_service_name,
)
from azureml_workspace.records.pipeline import (
    AUTOML_STEP,
    LATEST,
    PIPELINE_PARAMETERS,
    REGISTER_STEP,
    PipelineDefinition,
    PipelineResult,
    PipelineSubmission,
    PublishedPipeline,
    StepRun,
)
from azureml_workspace.records.run import ChildRun, Run
from azureml_workspace.records.service import (
    DeploySettings,
    RequestSummary,
    ResponseFormat,
    ServiceKeys,
    WebService,
)

__all__ = [
    "AUTOML_STEP",
    "BALANCED",
    "LATEST",
    "MAX_DOCUMENT_BYTES",
    "MAX_INPUT_ROWS",
    "PIPELINE_PARAMETERS",
    "PRIMARY_METRICS",
    "REGISTER_STEP",
    "UNWEIGHTED",
    "AutoMLConfig",
    "AutoMLProgress",
    "AutoMLResult",
    "AutoMLSettings",
    "ChildRun",
    "ClassWeights",
    "ColumnKind",
    "ColumnSchema",
    "ComputeTarget",
    "CustomPipeline",
    "DataGuardFinding",
    "DatasetFile",
    "DatasetSource",
    "DatasetVersion",
    "DeploySettings",
    "Document",
    "DocumentEntry",
    "InputSample",
    "ModelVersion",
    "PipelineDefinition",
    "PipelineResult",
    "PipelineStep",
    "PipelineSubmission",
    "PrimaryMetric",
    "PublishedPipeline",
    "Record",
    "RequestSummary",
    "ResponseFormat",
    "Run",
    "ServiceKeys",
    "StepRun",
    "WebService",
    "close_match",
    "document_content",
    "document_text",
    "is_nested_step",
    "read_pipelines",
    "require_classes",
    "validate_compute_name",
    "validate_dataset_name",
    "validate_document_path",
    "validate_experiment_name",
    "validate_model_name",
    "validate_pipeline_name",
    "validate_service_name",
]
