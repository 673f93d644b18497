"""Object storage through Airflow: the address as Airflow takes it, and its errors in this project's words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from airflow_azureml.addresses import shown
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized, WorkspaceError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

_AZURE_SCHEMES = {"wasb": "abfs", "wasbs": "abfss", "abfs": "abfs", "abfss": "abfss"}
"""Airflow knows no wasbs. The blobs are the same, and whether they are read over TLS is the connection's to say."""

_HTTP_LOG = "azure.core.pipeline.policies.http_logging_policy"
"""Twenty lines for each request; Airflow's own hook for blobs silences it too."""


def object_path(uri: str, conn_id: str | None) -> ObjectStoragePath:
    """The path of `uri` through that connection. Asks the storage nothing.

    `wasb(s)` is taken for `abfs(s)`. What stands before an `@` is the container, as Azure writes it, not a connection,
    as Airflow does: the account is the connection's.
    """
    from airflow.sdk import ObjectStoragePath

    logging.getLogger(_HTTP_LOG).setLevel(logging.WARNING)
    scheme, _, rest = uri.partition("://")
    airflow_scheme = _AZURE_SCHEMES.get(scheme.lower(), scheme)
    if scheme.lower() in _AZURE_SCHEMES:
        authority, slash, path = rest.partition("/")
        rest = f"{authority.partition('@')[0]}{slash}{path}"
    return ObjectStoragePath(f"{airflow_scheme}://{rest}", conn_id=conn_id)


@contextmanager
def open_object(uri: str, conn_id: str | None) -> Iterator[BinaryIO]:
    """The object's bytes. Raises what `translated` does, and FileNotFoundError."""
    with translated(uri):
        path = object_path(uri, conn_id)
        with path.open("rb") as source:  # type: ignore[no-untyped-call]
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
            f"provider of that storage and name its connection in {conn_argument}."
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


def container_of(uri: str) -> str:
    """The container's address: what is before the path."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}/"
