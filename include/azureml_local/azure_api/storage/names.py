"""Names of blobs and of their metadata, as Azure Storage has them."""

from __future__ import annotations

import re

from azureml_local.azure_api.storage.refusals import StorageRefusal

_LONGEST_NAME = 1024
_NOT_IN_XML = re.compile(r"[\x00-\x1f\ufffe\uffff\ud800-\udfff]")
_METADATA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_name(name: str) -> None:
    """:raises StorageRefusal: a blob cannot have this name, or no listing could show it."""
    if not 0 < len(name) <= _LONGEST_NAME or _NOT_IN_XML.search(name):
        raise StorageRefusal(
            400, "InvalidResourceName", f"a blob's name has 1 to {_LONGEST_NAME} characters, none of them a control."
        )


def check_metadata_name(name: str) -> None:
    """:raises StorageRefusal: metadata have names like variables."""
    if not _METADATA_NAME.fullmatch(name):
        raise StorageRefusal(400, "InvalidMetadata", f"metadata cannot be called {name!r}; give letters and digits.")
