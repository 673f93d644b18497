"""Shared Key authorization: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

from starlette.requests import Request

from azureml_local.azure_api.storage.account import ACCOUNT_NAME, StorageAccount
from azureml_local.azure_api.storage.refusals import not_authenticated

_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_FRESH = timedelta(minutes=15)


def check_shared_key(request: Request, account: StorageAccount) -> None:
    """:raises StorageRefusal: the request was not signed with the account's key, or not within 15 minutes."""
    scheme, _, credential = request.headers["authorization"].partition(" ")
    name, _, signature = credential.partition(":")
    if scheme != "SharedKey" or name != ACCOUNT_NAME:
        raise not_authenticated(f"the Authorization header has to be 'SharedKey {ACCOUNT_NAME}:<signature>'.")
    _require_fresh(request)
    if not account.is_signature(signature, string_to_sign(request)):
        raise not_authenticated("the signature is not that of this request with the account's key.")


def string_to_sign(request: Request) -> str:
    """What the signature is made over (versions from 2015-02-21 on)."""
    headers = request.headers
    standard = {name: headers.get(name, "") for name in _SIGNED_HEADERS}
    if standard["content-length"] == "0":
        standard["content-length"] = ""
    if "x-ms-date" in headers:
        standard["date"] = ""
    own = sorted((name, " ".join(value.split())) for name, value in headers.items() if name.startswith("x-ms-"))
    return "\n".join(
        [request.method, *standard.values(), *(f"{name}:{value}" for name, value in own), _resource(request)]
    )


def _resource(request: Request) -> str:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        query.setdefault(name.lower(), []).append(value)
    lines = [f"{name}:{','.join(sorted(values))}" for name, values in sorted(query.items())]
    return "\n".join([f"/{ACCOUNT_NAME}{request.scope['raw_path'].decode('latin-1')}", *lines])


def _require_fresh(request: Request) -> None:
    text = request.headers.get("x-ms-date") or request.headers.get("date", "")
    try:
        sent = parsedate_to_datetime(text)
    except ValueError:
        raise not_authenticated("a header x-ms-date with an HTTP date is missing.") from None
    if sent.tzinfo is None or abs(datetime.now(UTC) - sent) > _FRESH:
        raise not_authenticated("x-ms-date is more than 15 minutes away from the server's time.")
