"""Object storage through Airflow: the address as Airflow takes it, and its errors in this project's words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from airflow_azureml.addresses import shown
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized, WorkspaceError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_AZURE_SCHEMES = {"wasb": "abfs", "wasbs": "abfss", "abfs": "abfs", "abfss": "abfss"}
"""Airflow knows no wasbs. The blobs are the same, and whether they are read over TLS is the connection's to say."""

_PUBLIC_CLOUD = "core.windows.net"

_HTTP_LOG = "azure.core.pipeline.policies.http_logging_policy"
"""Twenty lines for each request; Airflow's own hook for blobs silences it too."""


class ObjectPath:
    """An object or a folder at a URI, through an Airflow connection. Asks nothing until `fs` is used.

    `wasb(s)` is taken for `abfs(s)`. What stands before an `@` is the container, as Azure writes it, and not a
    connection, as Airflow does; what stands behind it names the account, which Airflow would take from the connection
    only.

    `path` is what `fs` knows it as.

    :param conn_id: the connection (default: the storage's own default).
    """

    def __init__(self, uri: str, conn_id: str | None) -> None:
        from airflow.sdk import ObjectStoragePath

        self._uri = uri
        self._conn_id = conn_id
        self._options: dict[str, str] = {}
        scheme, _, rest = uri.partition("://")
        if scheme.lower() in _AZURE_SCHEMES:
            scheme = _AZURE_SCHEMES[scheme.lower()]
            authority, slash, path = rest.partition("/")
            container, _, host = authority.partition("@")
            rest = f"{container}{slash}{path}"
            self._options = _account_options(host)
        parsed = ObjectStoragePath(f"{scheme}://{rest}")
        self.path: str = parsed.path
        self._protocol: str = parsed.protocol

    @cached_property
    def fs(self) -> AbstractFileSystem:
        """The file system, with the connection as it is now: `ObjectStoragePath` keeps one as the process saw it first.

        :raises InvalidRequest: the connection is one of another account than the URI's.
        """
        from airflow.sdk.io import get_fs

        logging.getLogger(_HTTP_LOG).setLevel(logging.WARNING)
        system = get_fs(self._protocol, self._conn_id, self._options or None)
        if self._options:
            # None for an endpoint whose name does not tell the account.
            connected, named = system.service_client.account_name, self._options["account_name"]
            if connected not in {None, named}:
                raise InvalidRequest(
                    f"{shown(self._uri)} is in the account {named}, and the connection {self._conn_id} signs in to "
                    f"{connected}; give the address in that account, or another connection."
                )
        return system


def object_path(uri: str, conn_id: str | None) -> ObjectPath:
    """The object or folder; asks the storage nothing."""
    return ObjectPath(uri, conn_id)


@contextmanager
def open_object(uri: str, conn_id: str | None) -> Iterator[BinaryIO]:
    """The object's bytes. Raises what `translated` does, and FileNotFoundError."""
    with translated(uri):
        found = object_path(uri, conn_id)
        with found.fs.open(found.path, "rb") as source:
            yield cast("BinaryIO", source)


@contextmanager
def translated(uri: str, *, doing: str = "read", conn_argument: str = "source_conn_id") -> Iterator[None]:
    """Errors of the storage as the workspace's. FileNotFoundError, and other errors of this machine, go through.

    :raises Unauthorized: it refused the credentials.
    :raises InvalidRequest: it can never answer: no such scheme, no provider, a connection that cannot work.
    :raises ServiceUnavailable: it did not answer.
    """
    from azure.core.exceptions import AzureError

    try:
        yield
    except (WorkspaceError, FileNotFoundError):
        raise
    # Without their causes: those show the request, which may be signed.
    except AzureError as error:
        raise _of_azure(uri, error, doing, conn_argument) from None
    except PermissionError as error:
        raise Unauthorized(f"{shown(uri)} may not be {doing} with that connection ({error.strerror}).") from None
    except (ValueError, ImportError) as error:
        raise InvalidRequest(
            f"{shown(uri)} cannot be {doing}: {error}. Give a local path, file, http or https, or install the Airflow "
            f"provider of that storage and name its connection in {conn_argument}; for Azure its extra has "
            "connection_string, or account_name."
        ) from None


def _of_azure(uri: str, error: Any, doing: str, conn_argument: str) -> WorkspaceError:
    status = getattr(error, "status_code", None)
    code = getattr(error, "error_code", None) or type(error).__name__
    code = getattr(code, "value", code)
    if status in {401, 403}:
        return Unauthorized(
            f"{shown(uri)} may not be {doing} with that connection: {status} {code}. Check the key or the role of the "
            f"connection named by {conn_argument}."
        )
    if status is None or status in {408, 429} or status >= 500:
        return ServiceUnavailable(f"{shown(uri)} could not be {doing}: {status or ''} {code}; try again later.")
    return InvalidRequest(f"{shown(uri)} could not be {doing}: {status} {code}; check the address and the connection.")


def _account_options(host: str) -> dict[str, str]:
    """What adlfs is told of `account.blob.core.windows.net` and its like in other clouds; `dfs` is the same storage."""
    account, _, suffix = host.partition(".")
    kind, _, cloud = suffix.partition(".")
    if kind not in {"blob", "dfs"}:
        return {"account_name": account} if account else {}
    if cloud == _PUBLIC_CLOUD:
        return {"account_name": account}
    return {"account_name": account, "account_host": f"{account}.blob.{cloud}"}


def container_of(uri: str) -> str:
    """The container's address: what is before the path."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}/"
