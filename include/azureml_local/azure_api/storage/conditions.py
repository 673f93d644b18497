"""Conditional headers: https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from azureml_local.azure_api.storage.blobs import Blob
from azureml_local.azure_api.storage.refusals import StorageRefusal

_ANY = "*"


def check_read(request: Request, blob: Blob) -> None:
    """:raises StorageRefusal: the blob is not the one that the client expects, or is the one that it has already."""
    if request.headers.get("if-match", _ANY) not in {_ANY, blob.etag}:
        raise StorageRefusal(412, "ConditionNotMet", "the blob was changed meanwhile.")
    if request.headers.get("if-none-match") in {_ANY, blob.etag}:
        raise StorageRefusal(304, "ConditionNotMet", "the blob is the one that is known.")


def write_condition(request: Request) -> Callable[[Blob | None], None]:
    """What refuses to replace the blob there is (None: there is none), at the moment of writing."""
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")

    def check(before: Blob | None) -> None:
        if before is not None and unwanted == _ANY:
            raise StorageRefusal(409, "BlobAlreadyExists", f"The specified blob already exists: {before.name}")
        etag = None if before is None else before.etag
        is_expected = wanted is None or (etag is not None and wanted in {_ANY, etag})
        if not is_expected or (etag is not None and unwanted == etag):
            raise StorageRefusal(412, "ConditionNotMet", "the blob is not the one that was expected.")

    return check
