"""How much a client may send: strangers little, others enough, and blobs whatever there is room for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from azureml_local.azure_api.body_limit import MOST_BYTES, MOST_BYTES_OF_STRANGERS
from azureml_local.azure_api.storage import DATA
from azureml_local.azure_api.surface import Surface

pytestmark = pytest.mark.unit

SIGN_IN = "/signin/t/oauth2/v2.0/token"
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "secret", "scope": "s/.default"}


def test_a_sign_in(client: TestClient) -> None:
    assert client.post(SIGN_IN, data=CREDENTIALS).json()["resource"] == "s"
    refused = client.post(SIGN_IN, data={**CREDENTIALS, "client_secret": "x"})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_a_sign_in_that_is_too_long(client: TestClient) -> None:
    fits = {**CREDENTIALS, "client_assertion": "x" * (MOST_BYTES_OF_STRANGERS - 1000)}
    assert client.post(SIGN_IN, data=fits).status_code == 200
    answer = client.post(SIGN_IN, data={**CREDENTIALS, "client_assertion": "x" * MOST_BYTES_OF_STRANGERS})
    assert (answer.status_code, answer.json()["code"]) == (413, "RequestBodyTooLarge")


def test_a_stranger_leaves_no_file_behind(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a form would be spooled to the disk before anybody looks at who sends it."""
    spooled: list[object] = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", lambda _, content: spooled.append(content))
    for size in (1000, 3 << 20):
        answer = client.post(SIGN_IN, data=CREDENTIALS, files={"f": ("f", b"x" * size)})
        assert answer.status_code in (401, 413)
    assert spooled == []


@pytest.mark.parametrize("is_too_long", [False, True])
def test_json(client: TestClient, whole_surface: Surface, is_too_long: bool) -> None:
    text = "x" * (MOST_BYTES if is_too_long else MOST_BYTES - 1000)
    answer = client.put("/environment/environments/x", json={"python": text})
    assert answer.status_code == (413 if is_too_long else 200)
    assert (whole_surface.documents.find("environment", "x") is None) is is_too_long


def test_a_blob_may_be_longer(client: TestClient, whole_surface: Surface) -> None:
    content = os.urandom(1 << 20) * 17
    address = whole_surface.storage.write_url(DATA, "long.bin").partition("127.0.0.1:2")[2]
    answer = client.put(address, content=content, headers={"x-ms-blob-type": "BlockBlob"})
    assert answer.status_code == 201, answer.text
    blob = whole_surface.storage.find(DATA, "long.bin")
    assert blob is not None
    assert blob.path.read_bytes() == content
