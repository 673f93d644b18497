"""Short REST requests to Azure: time limits, bounded repeats, one renewal of a token that was refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from azureml_workspace.azure_v1.clouds import Cloud
from azureml_workspace.azure_v1.credentials import AccessToken
from azureml_workspace.azure_v1.errors import error_of
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_AGAIN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
_FIRST_WAIT_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds: for connecting, for one answer, and for repeating a request whose connection was lost."""

    connect: float
    read: float
    retry: float


class AzureRest:
    """Requests with a bearer token, to hosts of one cloud only."""

    def __init__(self, cloud: Cloud, token: AccessToken, limits: Limits, *, ca_file: str | None = None) -> None:
        self._cloud = cloud
        self._token = token
        self._limits = limits
        self._session = requests.Session()
        # Not ~/.netrc and the variables of the environment: neither another token nor another authority.
        self._session.trust_env = False
        self._session.verify = ca_file or True

    def call(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool | None = None,
    ) -> requests.Response:
        """The answer to one request, below 300. A lost connection is tried again when the request may be repeated.

        `repeatable`: None goes by the method. `body` is sent as JSON.

        :raises WorkspaceError: by the answer's status; ServiceUnavailable when there was none.
        :raises InvalidRequest: the address is not in this cloud.
        """
        self._cloud.require_host(url)
        may_repeat = method in _IDEMPOTENT if repeatable is None else repeatable
        response = self._send(method, url, query, body, may_repeat=may_repeat)
        if response.status_code == requests.codes.unauthorized:
            self._token.forget()
            response = self._send(method, url, query, body, may_repeat=may_repeat)
        if response.status_code >= 300:
            raise error_of(response)
        return response

    def json(self, method: str, url: str, **request: Any) -> Any:
        """Like `call`, giving the decoded body; None when it is empty."""
        response = self.call(method, url, **request)
        if not response.content:
            return None
        try:
            return response.json()
        except requests.exceptions.JSONDecodeError as error:
            raise ServiceUnavailable(
                f"Azure ML answered {method} {_place(url)} with half of a JSON document."
            ) from error

    def _send(
        self, method: str, url: str, query: Mapping[str, Any] | None, body: Any, *, may_repeat: bool
    ) -> requests.Response:
        end, wait = time.monotonic() + self._limits.retry, _FIRST_WAIT_SECONDS
        while True:
            try:
                return self._session.request(
                    method,
                    url,
                    params={key: value for key, value in (query or {}).items() if value is not None},
                    json=body,
                    headers={"Authorization": f"Bearer {self._token.get()}"},
                    timeout=(self._limits.connect, self._limits.read),
                    allow_redirects=False,
                )
            except _AGAIN as error:
                if not may_repeat or time.monotonic() + wait > end:
                    raise ServiceUnavailable(
                        f"Azure ML does not answer {method} {_place(url)} ({type(error).__name__})."
                    ) from error
            except requests.Timeout as error:
                raise ServiceUnavailable(
                    f"Azure ML gave no answer to {method} {_place(url)} within {self._limits.read:g} s."
                ) from error
            except requests.exceptions.InvalidJSONError as error:
                raise InvalidRequest(f"{method} {_place(url)}: a value is not JSON ({error}).") from error
            except requests.RequestException as error:
                raise ServiceUnavailable(f"{method} {_place(url)}: {type(error).__name__}.") from error
            time.sleep(wait)
            wait *= 2


def _place(url: str) -> str:
    """The address without its query, which may hold a signature."""
    return url.partition("?")[0]
