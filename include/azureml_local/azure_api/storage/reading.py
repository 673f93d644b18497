"""Get Blob and Get Blob Properties: https://learn.microsoft.com/rest/api/storageservices/get-blob."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from email.utils import format_datetime
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from azureml_local.azure_api.storage.blobs import Blob
from azureml_local.azure_api.storage.conditions import check_read
from azureml_local.azure_api.storage.refusals import API_VERSION, StorageRefusal, not_found
from azureml_local.azure_api.storage.service import Storage

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CHUNK_BYTES = 256 * 1024
_LARGEST_DIGESTED = 4 << 20


def properties_response(request: Request, storage: Storage, container: str, name: str) -> Response:
    """What is known of the blob, without a body. :raises StorageRefusal: there is none, or not the one expected."""
    blob = _find(request, storage, container, name)
    return Response(headers={**headers_of(blob), "Content-Length": str(blob.size)})


def content_response(request: Request, storage: Storage, container: str, name: str) -> Response:
    """The blob or a range of it.

    :raises StorageRefusal: there is none, or not the one expected; the range lies behind its end.
    """
    blob, stream = _open(request, storage, container, name)
    size = os.fstat(stream.fileno()).st_size
    asked = request.headers.get("x-ms-range") or request.headers.get("range")
    found = _RANGE.fullmatch(asked) if asked else None
    headers = headers_of(blob)
    if found is None:
        first, count, status = 0, size, 200
    else:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
        if first > last:
            stream.close()
            raise StorageRefusal(416, "InvalidRange", f"the blob has {size} bytes; {asked} lies behind its end.")
        count, status = last - first + 1, 206
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        headers["x-ms-blob-content-md5"] = headers.pop("Content-MD5", "")
        stream.seek(first)
        if request.headers.get("x-ms-range-get-content-md5") == "true" and count <= _LARGEST_DIGESTED:
            headers["Content-MD5"] = _md5(stream.read(count))
            stream.seek(first)
    headers = {name: value for name, value in headers.items() if value} | {"Content-Length": str(count)}
    return StreamingResponse(_chunks(stream, count), status, headers)


def headers_of(blob: Blob) -> dict[str, str]:
    """What every answer about a blob says."""
    modified = format_datetime(blob.modified, usegmt=True)
    headers = {
        "ETag": blob.etag,
        "Content-Type": blob.content_type,  # Starlette would add a character set to a media type
        "Last-Modified": modified,
        "Accept-Ranges": "bytes",
        "x-ms-version": API_VERSION,
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": modified,
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
    }
    if blob.md5:
        headers["Content-MD5"] = blob.md5
    return headers | {f"x-ms-meta-{name}": value for name, value in blob.metadata.items()}


def _find(request: Request, storage: Storage, container: str, name: str) -> Blob:
    blob = storage.find(container, name)
    if blob is None:
        raise not_found(name)
    check_read(request, blob)
    return blob


def _open(request: Request, storage: Storage, container: str, name: str) -> tuple[Blob, BinaryIO]:
    missing = None
    while (blob := _find(request, storage, container, name)) != missing:
        try:
            return blob, blob.path.open("rb")
        except FileNotFoundError:  # replaced or deleted since it was found: look again
            missing = blob
    raise not_found(name)


def _chunks(stream: BinaryIO, count: int) -> Iterator[bytes]:
    with stream:
        while count and (chunk := stream.read(min(count, _CHUNK_BYTES))):
            count -= len(chunk)
            yield chunk


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
