"""The workspace's default datastore: which container it is, and with what it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from azureml_workspace.azure_v1.clouds import Cloud
from azureml_workspace.errors import InvalidRequest

_BLOB = "AzureBlob"
_KEY, _SAS, _NONE = "AccountKey", "Sas", "None"


@dataclass(frozen=True, kw_only=True)
class Datastore:
    """A container of Blob storage. `key` and `sas` are secrets; with neither, whoever asks signs in.

    `account_url` is without a slash at the end.
    """

    name: str
    account: str
    account_url: str
    container: str
    key: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)

    @property
    def is_identity_based(self) -> bool:
        """Whether the datastore keeps no credential."""
        return not (self.key or self.sas)


def datastore_of(answer: Mapping[str, Any], cloud: Cloud) -> Datastore:
    """The datastore service's answer as the record.

    :raises InvalidRequest: it is no container of Blob storage, or one that this adapter cannot open.
    """
    name, section = str(answer.get("name")), answer.get("azureStorageSection")
    if answer.get("dataStoreType") != _BLOB or not isinstance(section, Mapping):
        raise InvalidRequest(
            f"the workspace's default datastore {name!r} is of type {answer.get('dataStoreType')!r}; files and "
            f"documents are kept in one of type {_BLOB}: make such a one the default."
        )
    account, endpoint = str(section.get("accountName")), str(section.get("endpoint") or cloud.storage)
    url = f"{section.get('protocol') or 'https'}://{account}.blob.{endpoint}"
    key, sas = _credential(name, section)
    if not (key or sas):
        url = _bare(url)
        cloud.require_storage_host(url)
    return Datastore(
        name=name, account=account, account_url=url, container=str(section.get("containerName")), key=key, sas=sas
    )


def _credential(name: str, section: Mapping[str, Any]) -> tuple[str, str]:
    """Key and SAS, of which one is given at most."""
    kind = str(section.get("credentialType") or _NONE)
    given = str(section.get("credential") or "")
    match kind:
        case "AccountKey":
            return str(section.get("accountKey") or given), ""
        case "Sas":
            return "", str(section.get("sasToken") or given).removeprefix("?")
        case "None":
            return "", ""
    raise InvalidRequest(
        f"the workspace's default datastore {name!r} is opened with {kind}, which this adapter cannot; give it an "
        "account key or a SAS, or none at all (identity-based access)."
    )


def _bare(url: str) -> str:
    """Without what stands before an @ in it, which no sign-in is for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
