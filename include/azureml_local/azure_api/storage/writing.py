"""Put Blob, Put Block and Put Block List: https://learn.microsoft.com/rest/api/storageservices/put-blob."""

from __future__ import annotations

import base64
import hashlib
from email.utils import format_datetime
from xml.etree import ElementTree as ET

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from azureml_local.azure_api.storage.blobs import DEFAULT_TYPE, Blob, BlobStore, Incoming
from azureml_local.azure_api.storage.conditions import write_condition
from azureml_local.azure_api.storage.names import check_metadata_name
from azureml_local.azure_api.storage.refusals import API_VERSION, StorageRefusal

_WRITE_BYTES = 1 << 20
_LARGEST_BLOCK_LIST = 8 << 20
_METADATA = "x-ms-meta-"


async def put(request: Request, blobs: BlobStore, container: str, name: str) -> Response:
    """Take a blob, or a part of one. :raises StorageRefusal: :raises StorageFull:"""
    metadata = _metadata(request)
    part = request.query_params.get("comp", "")
    if part == "block":
        return await _put_block(request, blobs, container, name)
    if part == "blocklist":
        return await _put_block_list(request, blobs, container, name, metadata)
    if part or request.headers.get("x-ms-blob-type") != "BlockBlob" or "x-ms-copy-source" in request.headers:
        raise StorageRefusal(400, "FeatureNotSupported", "only block blobs can be put here, whole or in blocks.")
    with blobs.incoming() as incoming:
        await _receive(request, incoming)
        received = await run_in_threadpool(incoming.finish, request.headers.get("content-md5"))
        blob = await run_in_threadpool(
            lambda: blobs.put(
                container,
                name,
                incoming,
                received,
                content_type=request.headers.get("x-ms-blob-content-type") or DEFAULT_TYPE,
                metadata=metadata,
                check=write_condition(request),
            )
        )
    return _created(blob, blob.md5)


async def _put_block(request: Request, blobs: BlobStore, container: str, name: str) -> Response:
    block = request.query_params.get("blockid", "")
    if not block:
        raise StorageRefusal(400, "InvalidQueryParameterValue", "a block needs a blockid.")
    with blobs.incoming() as incoming:
        await _receive(request, incoming)
        received = await run_in_threadpool(incoming.finish, request.headers.get("content-md5"))
        await run_in_threadpool(blobs.put_block, container, name, block, incoming, received)
    headers = {"x-ms-version": API_VERSION, "x-ms-request-server-encrypted": "true", "Content-MD5": received.md5}
    return Response(status_code=201, headers=headers)


async def _put_block_list(
    request: Request, blobs: BlobStore, container: str, name: str, metadata: dict[str, str]
) -> Response:
    body = await _small_body(request)
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    if request.headers.get("content-md5", md5) != md5:
        raise StorageRefusal(400, "Md5Mismatch", "the block list does not have the MD5 that the client gave.")
    blocks = _block_list(body)

    def join() -> Blob:
        with blobs.incoming() as incoming:
            return blobs.put(
                container,
                name,
                incoming,
                blobs.join_blocks(container, name, blocks, incoming),
                content_type=request.headers.get("x-ms-blob-content-type") or DEFAULT_TYPE,
                metadata=metadata,
                check=write_condition(request),
            )

    return _created(await run_in_threadpool(join), md5)


async def _receive(request: Request, incoming: Incoming) -> None:
    """Write the body as it arrives, a megabyte at a time and never in the event loop's own time."""
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _WRITE_BYTES:
            await run_in_threadpool(incoming.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(incoming.write, bytes(waiting))


async def _small_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BLOCK_LIST:
            raise StorageRefusal(413, "RequestBodyTooLarge", "the block list is too long.")
    return bytes(body)


def _block_list(body: bytes) -> list[str]:
    if b"<!" in body:  # no document type: it could name entities
        raise StorageRefusal(400, "InvalidXmlDocument", "the block list holds more than elements.")
    try:
        root = ET.fromstring(body)  # noqa: S314 (no entities, see above)
    except ET.ParseError:
        raise StorageRefusal(400, "InvalidXmlDocument", "the block list is not XML.") from None
    return [block.text or "" for block in root]


def _metadata(request: Request) -> dict[str, str]:
    """:raises StorageRefusal:"""
    found = {
        name.removeprefix(_METADATA): value for name, value in request.headers.items() if name.startswith(_METADATA)
    }
    for name in found:
        check_metadata_name(name)
    return found


def _created(blob: Blob, body_md5: str) -> Response:
    """`body_md5`: of what the request held, which is the blob or the list of its blocks."""
    headers = {
        "ETag": blob.etag,
        "Last-Modified": format_datetime(blob.modified, usegmt=True),
        "Content-MD5": body_md5,
        "x-ms-version": API_VERSION,
        "x-ms-request-server-encrypted": "true",
    }
    return Response(status_code=201, headers=headers)
