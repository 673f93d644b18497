"""Service SAS: https://learn.microsoft.com/rest/api/storageservices/create-service-sas.

Only signatures for one blob, as they are issued here, and for one container are accepted, for a limited time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from azureml_local.azure_api.storage.account import ACCOUNT_NAME, StorageAccount
from azureml_local.azure_api.storage.refusals import StorageRefusal, not_authenticated

READ = "r"
WRITE = "rcw"
"""Who uploads looks afterwards whether all of it arrived."""
LIFETIME = timedelta(hours=24)
_VERSION, _OLDEST = "2021-08-06", "2020-12-06"
"""The text that is signed is the same since the older one."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_BLOB, _CONTAINER = "b", "c"
_OTHERS = frozenset({"si", "sip", "ses", "rscc", "rscd", "rsce", "rscl", "rsct", "skoid", "ss", "srt"})


def signed_url(
    account: StorageAccount, container: str, name: str, permissions: str, *, lifetime: timedelta = LIFETIME
) -> str:
    """The blob's address with a signature for `permissions` (`READ`, `WRITE`)."""
    query = {
        "sv": _VERSION,
        "sr": _BLOB,
        "sp": permissions,
        "se": (datetime.now(UTC) + lifetime).strftime(_TIME),
    }
    signature = account.sign(_string_to_sign(query, container, name))
    return f"{account.url(container, name)}?{urlencode({**query, 'sig': signature})}"


def check_sas(account: StorageAccount, query: Mapping[str, str], container: str, name: str | None, method: str) -> None:
    """`name`: None for a request about the container.

    :raises StorageRefusal: the signature is not one for this blob, this method and this time.
    """
    kind = query.get("sr")
    if query.get("sv", "") < _OLDEST or kind not in {_BLOB, _CONTAINER} or _OTHERS & query.keys():
        raise not_authenticated(
            f"only signatures for one blob or one container, of version {_OLDEST} or later, are known here."
        )
    if name is None and kind == _BLOB:
        raise StorageRefusal(403, "AuthorizationResourceTypeMismatch", "a signature of a blob opens no container.")
    signed = name or "" if kind == _BLOB else ""
    if not account.is_signature(query["sig"], _string_to_sign(query, container, signed)):
        raise not_authenticated("the signature is not that of this resource with the account's key.")
    now = datetime.now(UTC)
    if now > _moment(query, "se") or ("st" in query and now < _moment(query, "st")):
        raise not_authenticated("the signature is not valid at this time.")
    wanted = {"GET": "l" if name is None else "r", "HEAD": "r", "PUT": "cw", "DELETE": "d"}.get(method, "")
    if not set(wanted) & set(query.get("sp", "")):
        raise StorageRefusal(403, "AuthorizationPermissionMismatch", f"the signature does not allow {method}.")


def _string_to_sign(query: Mapping[str, str], container: str, name: str) -> str:
    """`name`: of the blob, empty when the container is signed."""
    resource = f"/blob/{ACCOUNT_NAME}/{container}" + (f"/{name}" if name else "")
    identifier = address = snapshot = scope = ""
    return "\n".join(
        [
            query.get("sp", ""),
            query.get("st", ""),
            query.get("se", ""),
            resource,
            identifier,
            address,
            query.get("spr", ""),
            query.get("sv", ""),
            query.get("sr", ""),
            snapshot,
            scope,
            *[""] * 5,  # headers of the answer that the signature may set
        ]
    )


def _moment(query: Mapping[str, str], name: str) -> datetime:
    try:
        return datetime.strptime(query.get(name, ""), _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise not_authenticated(f"{name} is not a time such as 2026-01-31T00:00:00Z.") from None
