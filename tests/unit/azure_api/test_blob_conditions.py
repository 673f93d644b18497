"""Answers to conditional reads of a blob."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from azureml_local.azure_api.storage import DATA
from azureml_local.azure_api.surface import Surface

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_blob_that_is_known_is_not_sent_again(
    client: TestClient, whole_surface: Surface, tmp_path: Path, method: str
) -> None:
    (tmp_path / "f").write_text("content")
    blob = whole_surface.storage.add_file(DATA, "f", tmp_path / "f")
    address = whole_surface.storage.read_url(DATA, "f").partition("127.0.0.1:2")[2]
    answer = client.request(method, address, headers={"If-None-Match": blob.etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["x-ms-error-code"] == "ConditionNotMet"
    assert answer.headers.get("content-length", "0") == "0"
    other = client.request(method, address, headers={"If-Match": '"other"'})
    assert (other.status_code, other.headers["x-ms-error-code"]) == (412, "ConditionNotMet")
