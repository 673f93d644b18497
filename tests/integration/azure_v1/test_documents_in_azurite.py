"""The contract of documents once more, on a Blob storage that is not this project's: Azurite, Microsoft's emulator."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from tests.azurite_server import ACCOUNT, KEY, AzuriteServer
from tests.contract import test_contract_documents

from azureml_workspace.azure_v1.blobs import Blobs
from azureml_workspace.azure_v1.datastore import Datastore
from azureml_workspace.azure_v1.documents import DocumentCalls
from azureml_workspace.azure_v1.rest import Limits
from azureml_workspace.errors import InvalidRequest, Unauthorized
from azureml_workspace.whole_file import whole_file

pytestmark = pytest.mark.integration

CONTAINER = "documents"


class Documents(DocumentCalls):
    """The adapter's documents, in a datastore of the test's."""

    def __init__(self, datastore: Datastore) -> None:
        limits = Limits(connect=3, read=20, retry=2)
        blobs = Blobs(lambda: datastore, lambda: None, cast("Any", None), limits, ca_file=None)
        self._azure = cast("Any", SimpleNamespace(blobs=blobs))


def documents(azurite: AzuriteServer, **credential: str) -> Documents:
    place = {"name": "emulated", "account": ACCOUNT, "account_url": azurite.url, "container": CONTAINER}
    return Documents(Datastore(**(place | credential)))


@pytest.fixture(scope="module")
def workspace(azurite: AzuriteServer) -> Documents:
    azurite.container(CONTAINER)
    return documents(azurite, key=KEY)


globals().update({name: test for name, test in vars(test_contract_documents).items() if name.startswith("test_")})


def test_with_a_sas(azurite: AzuriteServer, workspace: Documents) -> None:
    sas = generate_container_sas(
        ACCOUNT,
        CONTAINER,
        KEY,
        permission=ContainerSasPermissions(read=True, write=True, create=True, delete=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    signed = documents(azurite, sas=sas)
    made = signed.write_document("signed/a", {"n": 1}, expected=None)
    assert workspace.read_document("signed/a") == made
    assert [entry.path for entry in signed.list_documents("signed")] == ["signed/a"]
    signed.delete_document("signed/a", expected=made.etag)
    assert workspace.list_documents("signed") == []


def test_a_file_that_comes_in_pieces(azurite: AzuriteServer, workspace: Documents, tmp_path: Path) -> None:
    """The client asks for 8 MiB at a time."""
    content = random.Random(1).randbytes(20_000_000)
    account = BlobServiceClient.from_connection_string(azurite.connection_string())
    account.get_blob_client(CONTAINER, "large").upload_blob(content)
    workspace._azure.blobs.download("large", lambda: whole_file(tmp_path / "large"))
    assert (tmp_path / "large").read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["large"]


def test_what_storage_refuses(azurite: AzuriteServer, workspace: Documents) -> None:
    with pytest.raises(Unauthorized):
        documents(azurite, key="A" * 86 + "==").read_document("a")
    elsewhere = Documents(Datastore(name="e", account=ACCOUNT, account_url=azurite.url, container="nowhere", key=KEY))
    with pytest.raises(InvalidRequest, match="container"):
        elsewhere.read_document("a")
