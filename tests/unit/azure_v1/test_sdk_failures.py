"""What the SDK raises, as errors of the seam; no secret on the way."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from azureml_workspace.azure_v1.sdk.failures import scrubbed, seam_error
from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
    WorkspaceError,
)

pytestmark = pytest.mark.unit


class UserErrorException(Exception):
    pass


class AuthenticationException(Exception):
    pass


class ServiceException(Exception):
    def __init__(self, status: int, text: str = "text", headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status_code = status
        self.headers = headers or {}


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def in_context(error: Exception, context: Exception) -> Exception:
    error.__context__ = context
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ServiceException(404), NotFound),
        (ServiceException(409), Conflict),
        (ServiceException(401), Unauthorized),
        (ServiceException(500), ServiceUnavailable),
        (ServiceException(200), ServiceUnavailable),
        (UserErrorException("wrong name"), InvalidRequest),
        (AuthenticationException("no token"), Unauthorized),
        (caused(UserErrorException("no such dataset"), ServiceException(404)), NotFound),
        (Exception("Received bad response from Model Management Service:\nResponse Code: 409\nHeaders: ..."), Conflict),
        (UserErrorException("Request failed (429): too many"), Throttled),
        (Exception("exit code 137"), ServiceUnavailable),
        (RuntimeError("whatever"), ServiceUnavailable),
        (ModuleNotFoundError("No module named 'azureml.pipeline'"), InvalidRequest),
        (requests.ConnectionError("reset"), ServiceUnavailable),
        # What was found missing before the connection broke is not what failed.
        (in_context(requests.ConnectionError("reset"), ServiceException(404)), ServiceUnavailable),
        (in_context(RuntimeError("gave up"), requests.ReadTimeout("slow")), ServiceUnavailable),
        (NotFound("of the seam"), NotFound),
    ],
)
def test_kinds(error: Exception, kind: type[WorkspaceError]) -> None:
    assert type(seam_error(error)) is kind


def test_storage_that_lets_nobody_in_is_no_fault_of_the_data() -> None:
    error = UserErrorException("Error Code: ScriptExecution.StreamAccess.Authentication\nFailed Step: 1")
    failure = seam_error(error)
    assert type(failure) is Unauthorized
    assert "firewall" in str(failure)
    assert "AzureML Data Scientist" not in str(failure)


def test_throttled_says_for_how_long() -> None:
    failure = seam_error(ServiceException(429, headers={"retry-after": "17"}))
    assert isinstance(failure, Throttled)
    assert failure.retry_after == 17


def test_the_words_are_those_of_azure() -> None:
    body = json.dumps({"error": {"code": "UserError", "message": "The label is missing."}})
    answer = SimpleNamespace(status_code=400)
    error: Any = Exception(f"ServiceException:\n\tCode: 400\n\tMessage: {body}\n\tDetails: ")
    error.response = answer
    assert str(seam_error(error)) == "Azure ML answered 400: The label is missing."


@pytest.mark.parametrize(
    "text",
    [
        "https://a.blob.core.windows.net/c/b?sv=2020&sig=HUSH%2Bhush%3D&se=2030",
        "Authorization: Bearer HUSH.hush-hush",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=HUSHhush==;EndpointSuffix=x",
        '{"primaryKey": "HUSHhush", "other": 1}',
        "{'credential': 'HUSHhush'}",
        "token eyJhbGciOi.eyJHUSHhush.HUSHhush here",
    ],
)
def test_no_secret_is_told(text: str) -> None:
    for told in (scrubbed(text), str(seam_error(RuntimeError(text)))):
        assert "hush" not in told.lower()
        assert "***" in told
