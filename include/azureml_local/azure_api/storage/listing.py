"""The answer to List Blobs: https://learn.microsoft.com/rest/api/storageservices/list-blobs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from email.utils import format_datetime
from xml.etree import ElementTree as ET

from azureml_local.azure_api.storage.blobs import Blob
from azureml_local.azure_api.storage.refusals import StorageRefusal
from azureml_local.azure_api.storage.service import Storage

_MOST = 5000


def list_blobs(storage: Storage, container: str, query: Mapping[str, str]) -> bytes:
    """One page as XML. :raises StorageRefusal: a parameter cannot be."""
    prefix, delimiter, most = query.get("prefix", ""), query.get("delimiter", ""), _most(query)
    entries: list[Blob | str] = []
    group = following = ""
    for blob in storage.list_from(container, prefix, _name(query.get("marker", ""))):
        head, found, _ = blob.name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found and prefix + head + delimiter == group:
            continue
        if len(entries) == most:
            following = _marker(blob.name)
            break
        if found:
            group = prefix + head + delimiter
        entries.append(group if found else blob)
    root = ET.Element("EnumerationResults", ServiceEndpoint=f"{storage.account.base_url}/", ContainerName=container)
    for tag, name in (("Prefix", "prefix"), ("Marker", "marker"), ("Delimiter", "delimiter")):
        if query.get(name):
            ET.SubElement(root, tag).text = query[name]
    ET.SubElement(root, "MaxResults").text = str(most)
    page = ET.SubElement(root, "Blobs")
    for entry in entries:
        if isinstance(entry, str):
            ET.SubElement(ET.SubElement(page, "BlobPrefix"), "Name").text = entry
        else:
            _add(page, entry, with_metadata="metadata" in query.get("include", "").split(","))
    ET.SubElement(root, "NextMarker").text = following
    page_bytes: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return page_bytes


def _add(page: ET.Element, blob: Blob, *, with_metadata: bool) -> None:
    element = ET.SubElement(page, "Blob")
    ET.SubElement(element, "Name").text = blob.name
    properties = ET.SubElement(element, "Properties")
    modified = format_datetime(blob.modified, usegmt=True)
    for tag, text in (
        ("Creation-Time", modified),
        ("Last-Modified", modified),
        ("Etag", blob.etag.strip('"')),
        ("Content-Length", str(blob.size)),
        ("Content-Type", blob.content_type),
        ("Content-MD5", blob.md5),
        ("BlobType", "BlockBlob"),
        ("LeaseStatus", "unlocked"),
        ("LeaseState", "available"),
        ("ServerEncrypted", "true"),
    ):
        ET.SubElement(properties, tag).text = text
    if with_metadata:
        metadata = ET.SubElement(element, "Metadata")
        for name, value in blob.metadata.items():
            ET.SubElement(metadata, name).text = value


def _most(query: Mapping[str, str]) -> int:
    text = query.get("maxresults", str(_MOST))
    if not text.isdecimal() or int(text) < 1:
        raise StorageRefusal(400, "OutOfRangeQueryParameterValue", "maxresults has to be a number from 1 on.")
    return min(int(text), _MOST)


def _marker(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _name(marker: str) -> str:
    try:
        return base64.urlsafe_b64decode(marker).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise StorageRefusal(400, "InvalidQueryParameterValue", "marker is not one of this server.") from None
