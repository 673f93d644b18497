"""Blobs of the default datastore, with the limits, the repeats and the errors of the adapter's other requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import requests

from azureml_workspace.azure_v1.blob_errors import blob_error
from azureml_workspace.azure_v1.credentials import AccessToken
from azureml_workspace.azure_v1.datastore import Datastore
from azureml_workspace.azure_v1.rest import Limits, unsigned
from azureml_workspace.errors import ServiceUnavailable, Throttled, Unauthorized, WorkspaceError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken as AzureToken
    from azure.storage.blob import ContainerClient

T = TypeVar("T")

_FIRST_WAIT_SECONDS = 0.5
_CONNECTIONS = 32
_CHUNK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class BlobInfo:
    """What storage says of a blob. `etag` is without quotation marks; `metadata` is empty in a list."""

    name: str
    etag: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class Blobs:
    """The container of the default datastore. Nothing is sent before the first call.

    `find` asks which container that is, and `forget` makes it ask again the next time.
    """

    def __init__(
        self,
        find: Callable[[], Datastore],
        forget: Callable[[], None],
        token: AccessToken,
        limits: Limits,
        *,
        ca_file: str | None,
    ) -> None:
        self._find = find
        self._forget = forget
        self._token = token
        self._limits = limits
        self._ca_file = ca_file
        self._lock = Lock()
        self._opened: tuple[Datastore, ContainerClient] | None = None

    def read(self, name: str) -> tuple[bytes, BlobInfo]:
        """A small blob. :raises NotFound:"""

        def act(container: ContainerClient) -> tuple[bytes, BlobInfo]:
            found = container.download_blob(name)
            content = found.readall()
            _require_whole(name, len(content), found.size)
            return content, _info(found.properties)

        return self._call(name, act)

    def download(self, name: str, write: Callable[[], AbstractContextManager[BinaryIO]]) -> None:
        """A blob into the stream that `write()` opens anew for every attempt. :raises NotFound:"""

        def act(container: ContainerClient) -> None:
            found = container.download_blob(name, max_concurrency=1)
            with write() as stream:
                found.readinto(stream)  # gives what was announced, and not what came
                _require_whole(name, stream.tell(), found.size)

        self._call(name, act)

    def look(self, name: str) -> BlobInfo:
        """What storage says of a blob. :raises NotFound:"""
        return self._call(name, lambda container: _info(container.get_blob_client(name).get_blob_properties()))

    def write(self, name: str, content: bytes, *, expected: str | None, metadata: dict[str, str]) -> BlobInfo:
        """Replace the blob whose etag is `expected`; None: make it.

        :raises Conflict: another one is there, or none to replace, or an earlier attempt of this very call made it.
        """
        from azure.core import MatchConditions
        from azure.storage.blob import ContentSettings

        condition: dict[str, Any] = {"overwrite": False}
        if expected is not None:
            condition = {
                "overwrite": True,
                "etag": _quoted(expected),
                "match_condition": MatchConditions.IfNotModified,
            }

        def act(container: ContainerClient) -> BlobInfo:
            answer = container.get_blob_client(name).upload_blob(
                content,
                metadata=metadata,
                content_settings=ContentSettings(content_type="application/json"),
                **condition,
            )
            return BlobInfo(
                name=name,
                etag=str(answer["etag"]).strip('"'),
                modified=answer["last_modified"],
                metadata=metadata,
            )

        return self._call(name, act)

    def delete(self, name: str, *, expected: str) -> None:
        """Remove the blob whose etag is `expected`. :raises NotFound: :raises Conflict: another one is there."""
        from azure.core import MatchConditions

        self._call(
            name,
            lambda container: container.get_blob_client(name).delete_blob(
                delete_snapshots="include", etag=_quoted(expected), match_condition=MatchConditions.IfNotModified
            ),
        )

    def below(self, prefix: str) -> list[BlobInfo]:
        """All blobs whose name begins with `prefix`."""
        return self._call(
            f"{prefix}*",
            lambda container: [_info(found) for found in container.list_blobs(name_starts_with=prefix)],
        )

    def _call(self, name: str, act: Callable[[ContainerClient], T]) -> T:
        """What `act` gives, again while storage has a passing trouble and there is time; once more with a credential
        that was asked for anew, when it was refused."""
        end, wait = time.monotonic() + self._limits.retry, _FIRST_WAIT_SECONDS
        renewed = False
        while True:
            container = self._container()
            try:
                with _seam_errors(name):
                    return act(container)
            except Unauthorized:
                if renewed:
                    raise
                renewed = True
                self._renew()
            except WorkspaceError as error:
                pause = _pause(error, wait)
                if pause is None or time.monotonic() + pause > end:
                    raise
                time.sleep(pause)
                wait *= 2

    def _renew(self) -> None:
        """A key may have been replaced, or a SAS expired, since the datastore was asked for it."""
        with self._lock:
            if self._opened is not None and self._opened[0].is_identity_based:
                self._token.forget(self._token.get())
            self._opened = None
            self._forget()

    def _container(self) -> ContainerClient:
        with self._lock:
            datastore = self._find()
            if self._opened is None or self._opened[0] is not datastore:
                self._opened = (datastore, self._open(datastore))
            return self._opened[1]

    def _open(self, datastore: Datastore) -> ContainerClient:
        from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
        from azure.storage.blob import ContainerClient

        credential: Any = _SignIn(self._token)
        if datastore.key:
            credential = AzureNamedKeyCredential(datastore.account, datastore.key)
        elif datastore.sas:
            credential = AzureSasCredential(datastore.sas)
        session = requests.Session()
        session.auth = unsigned  # or `requests` would replace the signature by what it finds in ~/.netrc
        session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=_CONNECTIONS))
        return ContainerClient(
            datastore.account_url,
            datastore.container,
            credential=credential,
            session=session,
            retry_total=0,
            connection_timeout=self._limits.connect,
            read_timeout=self._limits.read,
            connection_verify=self._ca_file or True,
            permit_redirects=False,
            max_single_get_size=_CHUNK_BYTES,
            max_chunk_get_size=_CHUNK_BYTES,
        )


class _SignIn:
    """The adapter's token for storage, as the blob client takes it."""

    def __init__(self, token: AccessToken) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> AzureToken:
        from azure.core.credentials import AccessToken as AzureToken

        # It is asked for anew with every request: the one who renews it is `AccessToken`.
        return AzureToken(self._token.get(), 0)


@contextmanager
def _seam_errors(name: str) -> Iterator[None]:
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, ValueError) as error:  # a ValueError: a header of the answer that is missing, ...
        # Not chained: the messages of what is beneath have addresses, whose signature is a secret.
        raise blob_error(name, error) from None


def _pause(error: WorkspaceError, wait: float) -> float | None:
    """Seconds until another attempt, None when there is to be none."""
    if not error.retryable:
        return None
    asked = error.retry_after if isinstance(error, Throttled | ServiceUnavailable) else None
    return wait if asked is None else max(wait, asked)


def _require_whole(name: str, received: int, size: int | None) -> None:
    if received != size:
        raise ServiceUnavailable(f"of blob {name} {received} bytes came, and {size} were announced.")


def _info(found: Any) -> BlobInfo:
    return BlobInfo(
        name=str(found.name),
        etag=str(found.etag).strip('"'),
        modified=found.last_modified,
        metadata=dict(found.metadata or {}),
    )


def _quoted(etag: str) -> str:
    return f'"{etag}"'
