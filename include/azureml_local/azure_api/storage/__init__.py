"""Blob storage, as far as the SDK and its native engine use it.

`account` names the storage account and knows its key; `shared_key` and `sas` check who may ask (`access`); `blobs`
keeps what was uploaded and `engine_files` shows what the workspace's runs made; `routes` speaks HTTP, with `listing`
for the XML. What other modules need is `Storage`.
"""

from azureml_local.azure_api.storage.blobs import Blob
from azureml_local.azure_api.storage.service import ARTIFACTS, DATA, Storage

__all__ = ["ARTIFACTS", "DATA", "Blob", "Storage"]
