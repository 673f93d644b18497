"""Whose role is missing when Azure refuses with 403."""

from __future__ import annotations

import pytest

from azureml_workspace.azure_v1.errors import error_of_status
from azureml_workspace.errors import Unauthorized

pytestmark = pytest.mark.unit

ROLE = "AzureML Data Scientist on the workspace"
CLIENT = "The client 'a' with object id 'b' does not have authorization to"
RUNS = "Microsoft.MachineLearningServices/workspaces/experiments/runs/submit/action"


@pytest.mark.parametrize(
    "message",
    [
        "scripted (AuthorizationFailed)",
        f"{CLIENT} perform action '{RUNS}' over scope '/subscriptions/s'. (AuthorizationFailed)",
        f"{CLIENT} perform action '{RUNS}'. (Forbidden)",
    ],
)
def test_a_role_on_the_workspace(message: str) -> None:
    assert ROLE in str(error_of_status(403, message))


@pytest.mark.parametrize(
    "message",
    [
        f"{CLIENT} perform action 'microsoft.insights/components/query/read' over scope '/x'. (AuthorizationFailed)",
        "This request is not authorized to perform this operation. (AuthorizationFailure)",
        "Public access is not allowed by the workspace's network settings. (Forbidden)",
    ],
)
def test_something_else(message: str) -> None:
    error = error_of_status(403, message)
    assert type(error) is Unauthorized
    assert ROLE not in str(error)
