"""HTTP to the local server's control plane: time limits, bounded repeats, and errors of the seam."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import requests

from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from azureml_workspace.local.credential import BearerToken
from azureml_workspace.local.envelope import error_of
from azureml_workspace.texts import require_encodable
from azureml_workspace.whole_file import whole_file

HOW_TO_START = "Start it with `python -m azureml_local serve` (`make run` does)."

_LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
_CHUNK_BYTES = 1024 * 1024
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 1.0


class ControlPlane:
    """One server. Every call of the seam is safe to repeat, so a refused or lost connection is tried again."""

    def __init__(
        self, url: str, token: BearerToken, *, connect_timeout: float, read_timeout: float, retry_seconds: float
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._timeout = (connect_timeout, read_timeout)
        self._retry_seconds = retry_seconds
        self._session = requests.Session()
        # Proxies and ~/.netrc of the environment are not for this server; netrc would even replace our token.
        self._session.trust_env = False

    def __repr__(self) -> str:
        return f"ControlPlane({self.url!r})"

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        upload: Callable[[], AbstractContextManager[BinaryIO]] | None = None,
        read_timeout: float | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """The answer to one request, below 300.

        `body` is sent as JSON; `upload` opens the file that is streamed instead, once per attempt. `read_timeout`
        (seconds) is for a request that the server works on for longer than on others. `stream`: the
        caller reads the answer's body, and closes it.

        :raises WorkspaceError: the class that the server named, or ServiceUnavailable when it gave no answer.
        :raises InvalidRequest: query or body hold text that cannot be sent.
        """
        require_encodable(query, "the query")
        require_encodable(body, "the body")
        timeout = (self._timeout[0], read_timeout or self._timeout[1])
        response = self._send(method, path, query=query, body=body, upload=upload, timeout=timeout, stream=stream)
        if response.status_code == requests.codes.unauthorized and self.token.renew():
            response = self._send(method, path, query=query, body=body, upload=upload, timeout=timeout, stream=stream)
        if response.status_code >= 300:
            raise error_of(response, self.url)
        return response

    def json(self, method: str, path: str, **request: Any) -> Any:
        """Like `call`, giving the decoded body."""
        response = self.call(method, path, **request)
        try:
            return response.json()
        except requests.exceptions.JSONDecodeError as error:
            raise ServiceUnavailable(
                f"{self.url} answered {method} {path} with something that is not JSON; "
                "is another program listening on that port?"
            ) from error

    def download(self, path: str, target: Path) -> Mapping[str, str]:
        """Write the answer to a GET into the file `target`, whole or not at all. Gives the answer's headers.

        :raises WorkspaceError: as `call` does. :raises StorageFull: no room here; nothing was kept.
        """
        with self._seam_errors("GET", path, self._timeout):
            for wait in self._waits():
                try:
                    return self._download_once(path, target)
                except _LOST:
                    if wait is None:
                        raise
                    time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _download_once(self, path: str, target: Path) -> Mapping[str, str]:
        with self.call("GET", path, stream=True) as response, whole_file(target) as file:
            for chunk in response.iter_content(_CHUNK_BYTES):
                file.write(chunk)
        return response.headers

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None,
        body: Any,
        upload: Callable[[], AbstractContextManager[BinaryIO]] | None,
        timeout: tuple[float, float],
        stream: bool,
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token.get()}"}
        with self._seam_errors(method, path, timeout):
            for wait in self._waits():
                try:
                    with upload() if upload else nullcontext() as data:
                        return self._session.request(
                            method,
                            self.url + path,
                            params={key: value for key, value in (query or {}).items() if value is not None},
                            json=body,
                            data=data,
                            headers=headers,
                            timeout=timeout,
                            allow_redirects=False,
                            stream=stream,
                        )
                except _LOST:
                    if wait is None:
                        raise
                    time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _waits(self) -> Iterator[float | None]:
        """Seconds to wait after each failed attempt; None marks the last attempt."""
        end = time.monotonic() + self._retry_seconds
        wait = _FIRST_WAIT_SECONDS
        while time.monotonic() + wait < end:
            yield wait
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        yield None

    @contextmanager
    def _seam_errors(self, method: str, path: str, timeout: tuple[float, float]) -> Iterator[None]:
        try:
            yield
        except _LOST as error:
            raise ServiceUnavailable(
                f"the local Azure ML server does not answer at {self.url} "
                f"({type(error).__name__}, tried for {self._retry_seconds:g} s). {HOW_TO_START}"
            ) from error
        except requests.Timeout as error:
            raise ServiceUnavailable(
                f"the local Azure ML server at {self.url} gave no answer to {method} {path} within {timeout[1]:g} s."
            ) from error
        except requests.exceptions.InvalidJSONError as error:
            raise InvalidRequest(f"{method} {path}: a value is not JSON ({error}).") from error
        except requests.RequestException as error:
            raise ServiceUnavailable(f"{method} {path} at {self.url}: {type(error).__name__}.") from error
