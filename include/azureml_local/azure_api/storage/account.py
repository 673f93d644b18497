"""The storage account: its name, its address, its key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from azureml_local.azure_api.addresses import Addresses
from azureml_local.files import write_bytes

ACCOUNT_NAME = "local"
_KEY_BYTES = 64


@dataclass(frozen=True, kw_only=True)
class StorageAccount:
    """One account. `key` is base64, as Azure gives it to clients."""

    key: str
    endpoint: str

    @property
    def base_url(self) -> str:
        """The account's address as every client composes it from the account's name and `endpoint`."""
        return f"https://{ACCOUNT_NAME}.blob.{self.endpoint}"

    def url(self, container: str, name: str) -> str:
        """The address of one blob."""
        return f"{self.base_url}/{container}/{quote(name)}"

    def sign(self, text: str) -> str:
        """The signature of Azure Storage: HMAC-SHA256 with the account's key, base64."""
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def is_signature(self, given: str, text: str) -> bool:
        """Whether `given` is the signature of `text`."""
        return hmac.compare_digest(given.encode(), self.sign(text).encode())


def open_account(folder: Path, addresses: Addresses) -> StorageAccount:
    """The account whose key is kept in `folder`; the key is made the first time.

    Clients compose `https://{account}.blob.{endpoint}/`. With an `@` in the endpoint everything before it becomes the
    user part of the URL, which nothing here looks at, and what follows is the host: no name has to be resolved.
    """
    file = folder / "account.key"
    if not file.is_file():
        write_bytes(file, base64.b64encode(secrets.token_bytes(_KEY_BYTES)), mode=0o600)
    return StorageAccount(key=file.read_text(), endpoint=f"x@{urlsplit(addresses.secure).netloc}")
