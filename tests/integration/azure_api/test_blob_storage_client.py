"""Blob storage as Microsoft's own storage client sees it: it signs and composes every request by itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    generate_blob_sas,
)
from tests.azure_server import AzureServer

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.storage.account import ACCOUNT_NAME, StorageAccount, open_account
from azureml_local.azure_api.storage.sas import READ, WRITE, signed_url
from azureml_local.paths import Home

pytestmark = pytest.mark.integration

DATA, ARTIFACTS = "azureml-blobstore", "azureml"


def account_of(server: AzureServer) -> StorageAccount:
    secure = base_url(server)
    return open_account(Home(server.home).azure_api / "storage", Addresses(plain="", secure=secure))


def base_url(server: AzureServer) -> str:
    cloud = requests.get(server.environment_of_sdk["ARM_CLOUD_METADATA_URL"], timeout=10).json()[0]
    return str(cloud["resourceManager"])


@pytest.fixture(scope="module")
def authority(azure_server: AzureServer) -> str:
    return azure_server.environment_of_sdk["REQUESTS_CA_BUNDLE"]


@pytest.fixture(scope="module")
def account(azure_server: AzureServer) -> StorageAccount:
    return account_of(azure_server)


def connect(account: StorageAccount, authority: str, key: str | None = None) -> BlobServiceClient:
    return BlobServiceClient(
        account_url=account.base_url,
        credential={"account_name": ACCOUNT_NAME, "account_key": key or account.key},
        connection_verify=authority,
        retry_total=0,
        max_single_put_size=64 * 1024,
        max_block_size=64 * 1024,
        max_single_get_size=64 * 1024,
        max_chunk_get_size=64 * 1024,
    )


@pytest.fixture(scope="module")
def container(account: StorageAccount, authority: str) -> Iterator[ContainerClient]:
    with connect(account, authority) as service:
        yield service.get_container_client(DATA)


def test_whole_blobs(container: ContainerClient) -> None:
    blob = container.get_blob_client("client/whole/a b+%ü.txt")
    blob.upload_blob(
        b"first",
        content_settings=ContentSettings(content_type="text/plain"),
        metadata={"one": "1"},
        validate_content=True,
    )
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(b"second")
    properties = blob.get_blob_properties()
    assert (properties.size, properties.content_settings.content_type, properties.metadata) == (
        5,
        "text/plain",
        {"one": "1"},
    )
    before = properties.etag
    blob.upload_blob(b"second", overwrite=True)
    assert blob.download_blob(validate_content=True).readall() == b"second"
    assert blob.download_blob(offset=2, length=3).readall() == b"con"
    stale = {"etag": before, "match_condition": MatchConditions.IfNotModified}
    for attempt in (
        lambda: blob.download_blob(**stale).readall(),
        lambda: blob.upload_blob(b"third", overwrite=True, **stale),
        lambda: blob.delete_blob(**stale),
    ):
        with pytest.raises(ResourceModifiedError):
            attempt()
    fresh = {"etag": blob.get_blob_properties().etag, "match_condition": MatchConditions.IfNotModified}
    blob.upload_blob(b"third", overwrite=True, **fresh)
    blob.delete_blob()
    assert not blob.exists()
    with pytest.raises(ResourceNotFoundError):
        blob.delete_blob()


def test_blobs_in_blocks(container: ContainerClient) -> None:
    content = bytes(range(256)) * 2000
    blob = container.get_blob_client("client/blocks.bin")
    blob.upload_blob(io.BytesIO(content), overwrite=True, max_concurrency=4, validate_content=True)
    assert blob.download_blob(max_concurrency=4, validate_content=True).readall() == content
    with pytest.raises(HttpResponseError, match="InvalidBlockList"):
        blob.commit_block_list([BlobBlock(block_id=base64.b64encode(b"never").decode())])
    assert blob.download_blob().readall() == content


def test_an_empty_blob(container: ContainerClient) -> None:
    blob = container.get_blob_client("client/empty")
    blob.upload_blob(b"", overwrite=True)
    assert blob.download_blob().readall() == b""


def test_readers_of_a_content_are_not_disturbed_by_the_next(container: ContainerClient) -> None:
    blob = container.get_blob_client("client/contended")
    contents = [bytes([number]) * 60_000 for number in range(4)]

    def write(content: bytes) -> None:
        blob.upload_blob(content, overwrite=True, max_concurrency=1)

    write(contents[0])
    with ThreadPoolExecutor(4) as pool:
        for writing in [pool.submit(write, content) for content in contents * 3]:
            response = requests_get(blob)
            assert response in contents
            writing.result()


def requests_get(blob: BlobClient) -> bytes:
    read: bytes = blob.download_blob(max_concurrency=1).readall()
    return read


def test_listing(container: ContainerClient) -> None:
    names = [f"client/list/{folder}/{number:02}" for folder in ("a", "b", "b c") for number in range(4)]
    names += ["client/list/top", "client/list/zü<&>"]
    for name in names:
        container.upload_blob(name, name.encode(), overwrite=True, metadata={"n": "1"})
    found = list(container.list_blobs(name_starts_with="client/list/", include=["metadata"], results_per_page=3))
    assert [blob.name for blob in found] == sorted(names)
    assert {blob.size for blob in found if blob.name == "client/list/top"} == {len("client/list/top")}
    assert all(blob.metadata == {"n": "1"} for blob in found)
    for page_size in (1, 2, 100):
        walked = container.walk_blobs(name_starts_with="client/list/", delimiter="/", results_per_page=page_size)
        assert [entry.name for entry in walked] == [
            "client/list/a/",
            "client/list/b c/",
            "client/list/b/",
            "client/list/top",
            "client/list/zü<&>",
        ]
    assert list(container.list_blobs(name_starts_with="client/nothing")) == []


def test_another_key_opens_nothing(account: StorageAccount, authority: str) -> None:
    other = base64.b64encode(b"k" * 64).decode()
    with connect(account, authority, other) as service:
        for attempt in (
            lambda: service.get_blob_client(DATA, "client/other").upload_blob(b"x"),
            lambda: service.get_blob_client(DATA, "client/empty").download_blob(),
            lambda: list(service.get_container_client(DATA).list_blobs()),
        ):
            with pytest.raises(HttpResponseError) as caught:
                attempt()
            assert caught.value.status_code == 403


def test_what_was_signed_cannot_be_changed(account: StorageAccount, authority: str) -> None:
    sent: list[Any] = []
    with connect(account, authority) as service:
        service.get_blob_client(DATA, "client/signed").upload_blob(
            b"content", overwrite=True, raw_request_hook=lambda request: sent.append(request.http_request)
        )
    (signed,) = sent
    headers = dict(signed.headers)

    def put(url: str, **changed: str) -> int:
        answer = requests.put(url, data=b"content", headers={**headers, **changed}, verify=authority, timeout=10)
        return answer.status_code

    assert put(signed.url) == 201
    assert put(signed.url.replace("client/signed", "client/elsewhere")) == 403
    assert put(f"{signed.url}?comp=block&blockid=MQ%3D%3D") == 403
    assert put(signed.url, **{"x-ms-blob-type": "AppendBlob"}) == 403
    late = (datetime.now(UTC) - timedelta(minutes=16)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert put(signed.url, **{"x-ms-date": late}) == 403
    assert requests.put(signed.url, data=b"x", verify=authority, timeout=10).status_code == 401
    bearer = {"Authorization": "Bearer anything", "x-ms-blob-type": "BlockBlob"}
    assert requests.put(signed.url, data=b"x", headers=bearer, verify=authority, timeout=10).status_code == 401


def test_signatures_open_one_blob(account: StorageAccount, authority: str, container: ContainerClient) -> None:
    container.upload_blob("client/sas/one.txt", b"one", overwrite=True)
    container.upload_blob("client/sas/two.txt", b"two", overwrite=True)
    url = signed_url(account, DATA, "client/sas/one.txt", READ)

    def get(address: str, method: str = "GET") -> requests.Response:
        return requests.request(method, address, verify=authority, timeout=10)

    assert get(url).content == b"one"
    assert get(url, "HEAD").headers["Content-Length"] == "3"
    refused = [
        get(url.replace("one.txt", "two.txt")),
        get(url.replace("sp=r", "sp=rw")),
        get(f"{url}&comp=metadata", "PUT"),
        get(url, "DELETE"),
        get(signed_url(account, DATA, "client/sas/one.txt", READ, lifetime=timedelta(seconds=-1))),
        get(url.replace(f"/{DATA}/client/sas/one.txt", f"/{DATA}") + "&restype=container&comp=list"),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert all("sig=" not in answer.text for answer in refused)
    with BlobClient.from_blob_url(
        signed_url(account, ARTIFACTS, "LocalUpload/x/model bin", WRITE), connection_verify=authority
    ) as written:
        written.upload_blob(b"model", overwrite=True)
        assert written.get_blob_properties().size == 5
        with pytest.raises(HttpResponseError):
            written.delete_blob()


def test_signatures_that_the_client_makes(account: StorageAccount, authority: str, container: ContainerClient) -> None:
    """The published algorithm, by another hand than ours."""
    container.upload_blob("client/sas/three.txt", b"three", overwrite=True)
    token = generate_blob_sas(
        account_name=ACCOUNT_NAME,
        container_name=DATA,
        blob_name="client/sas/three.txt",
        account_key=account.key,
        permission=BlobSasPermissions(read=True),
        start=datetime.now(UTC) - timedelta(minutes=1),
        expiry=datetime.now(UTC) + timedelta(minutes=5),
    )
    url = account.url(DATA, "client/sas/three.txt")
    assert requests.get(f"{url}?{token}", verify=authority, timeout=10).content == b"three"


@pytest.mark.parametrize("name", ["client/a%01b", "client/" + "x" * 1100])
def test_names_that_cannot_be(account: StorageAccount, authority: str, name: str) -> None:
    url = signed_url(account, DATA, requests.utils.unquote(name), WRITE)
    headers = {"x-ms-blob-type": "BlockBlob"}
    assert requests.put(url, data=b"x", headers=headers, verify=authority, timeout=10).status_code == 400


def test_ranges_beyond_the_end(account: StorageAccount, authority: str, container: ContainerClient) -> None:
    container.upload_blob("client/range", b"0123456789", overwrite=True)
    url = signed_url(account, DATA, "client/range", READ)

    def get(wanted: str) -> requests.Response:
        return requests.get(url, headers={"Range": wanted}, verify=authority, timeout=10)

    assert (get("bytes=8-100").status_code, get("bytes=8-100").content) == (206, b"89")
    assert get("bytes=8-100").headers["Content-Range"] == "bytes 8-9/10"
    assert get("bytes=3-").content == b"3456789"
    assert get("bytes=10-").status_code == 416
    assert get("lines=1-2").status_code == 200


def test_blobs_outlive_the_server(tmp_path: Path) -> None:
    server = AzureServer(tmp_path / "home", state_dir=tmp_path / "sdk")
    try:
        server.start()
        before = account_of(server)
        authority = server.environment_of_sdk["REQUESTS_CA_BUNDLE"]
        with connect(before, authority) as service:
            service.get_blob_client(DATA, "kept").upload_blob(b"kept")
            half = service.get_blob_client(DATA, "half")
            half.stage_block(base64.b64encode(b"1").decode(), b"in blocks")
        stray = Home(server.home).azure_api / "storage" / "content" / "stray"
        stray.write_bytes(b"of an upload that was cut off")
        server.kill()
        server.start()
        after = account_of(server)
        assert after.key == before.key
        with connect(after, authority) as service:
            assert service.get_blob_client(DATA, "kept").download_blob().readall() == b"kept"
            half = service.get_blob_client(DATA, "half")
            assert not half.exists()
            half.commit_block_list([BlobBlock(block_id=base64.b64encode(b"1").decode())])
            assert half.download_blob().readall() == b"in blocks"
        assert not stray.exists()
    finally:
        server.stop()
