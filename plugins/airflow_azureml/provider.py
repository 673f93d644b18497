"""What Airflow learns about this package through its provider entry point.

Airflow calls this very early, sometimes before its configuration is ready, so only plain data is imported here.
The shape is Airflow's `provider_info.schema.json`.
"""

from __future__ import annotations

from typing import Any

from airflow_azureml._connection_form import CONN_FIELDS, UI_FIELD_BEHAVIOUR


def get_provider_info() -> dict[str, Any]:
    """The provider's name, connection type with its form, sensor, triggers and extra links."""
    return {
        "package-name": "airflow-azureml",
        "name": "Azure Machine Learning",
        "description": "A CSV to a benchmarked web service on Azure ML, or on one machine with no cloud.",
        "versions": ["0.1.0"],
        "integrations": [
            {
                "integration-name": "Azure Machine Learning",
                "external-doc-url": "https://learn.microsoft.com/azure/machine-learning/",
                "tags": ["azure"],
            }
        ],
        "hooks": [{"integration-name": "Azure Machine Learning", "python-modules": ["airflow_azureml.hook"]}],
        "connection-types": [
            {
                "hook-class-name": "airflow_azureml.hook.AzureMLHook",
                "connection-type": "azureml",
                "hook-name": "Azure Machine Learning",
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": CONN_FIELDS,
            }
        ],
        "sensors": [
            {
                "integration-name": "Azure Machine Learning",
                "python-modules": ["airflow_azureml.sensors.pipeline_run"],
            }
        ],
        "triggers": [
            {
                "integration-name": "Azure Machine Learning",
                "python-modules": [
                    "airflow_azureml.triggers.drops",
                    "airflow_azureml.triggers.run",
                    "airflow_azureml.triggers.service",
                ],
            }
        ],
        "extra-links": [
            "airflow_azureml.links.AzureMLRunLink",
            "airflow_azureml.links.AzureMLPipelineLink",
            "airflow_azureml.links.AzureMLDatasetLink",
            "airflow_azureml.links.AzureMLServiceLink",
            "airflow_azureml.links.AzureMLDecisionLink",
        ],
    }
