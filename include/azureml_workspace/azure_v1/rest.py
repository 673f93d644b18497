"""Short REST requests to Azure: time limits, bounded repeats, one renewal of a token that was refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.auth import AuthBase

from azureml_workspace.azure_v1.clouds import Cloud
from azureml_workspace.azure_v1.credentials import AccessToken
from azureml_workspace.azure_v1.errors import error_of, retry_after_in
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
_TRANSIENT = frozenset({500, 502, 503, 504})
_FIRST_WAIT_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds: for connecting, for the silence before and within one answer, and for all repeats of a request
    whose connection was lost or whose answer asks for another try."""

    connect: float
    read: float
    retry: float


@dataclass(frozen=True, kw_only=True)
class _Request:
    method: str
    url: str
    query: Mapping[str, Any] | None
    body: Any
    content_type: str
    repeatable: bool

    def __str__(self) -> str:
        """Without the query, which may hold a signature."""
        return f"{self.method} {self.url.partition('?')[0]}"


class _Bearer(AuthBase):
    """The token as `requests` takes it; without such an object it would look into ~/.netrc and send what is there."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class AzureRest:
    """Requests with a bearer token, to hosts of one cloud only."""

    def __init__(self, cloud: Cloud, token: AccessToken, limits: Limits, *, ca_file: str | None = None) -> None:
        self._cloud = cloud
        self._token = token
        self.limits = limits
        self._ca_file = ca_file
        self._session = requests.Session()

    def with_limits(self, limits: Limits) -> AzureRest:
        """The same sign-in, and connections of its own."""
        return AzureRest(self._cloud, self._token, limits, ca_file=self._ca_file)

    def call(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        repeatable: bool | None = None,
    ) -> requests.Response:
        """The answer to one request, below 300.

        A request that may be repeated is, when its connection was lost or Azure had a passing trouble; one that Azure
        did not take (429) always is, when it says how soon. `repeatable`: None goes by the method. `body` is sent as
        JSON, under the name `content_type`.

        :raises WorkspaceError: by the answer's status; ServiceUnavailable when there was none.
        :raises InvalidRequest: the address is not in this cloud.
        """
        self._cloud.require_host(url)
        may_repeat = method in _IDEMPOTENT if repeatable is None else repeatable
        request = _Request(
            method=method, url=url, query=query, body=body, content_type=content_type, repeatable=may_repeat
        )
        token = self._token.get()
        response = self._send(request, token)
        if response.status_code == requests.codes.unauthorized:
            self._token.forget(token)
            response = self._send(request, self._token.get())
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
                f"Azure ML answered {method} {url.partition('?')[0]} with something that is no JSON, or half of it."
            ) from error

    def download(self, url: str, *, last: int | None = None) -> bytes:
        """The content at a signed address, or its last bytes. No token is sent, so the host may be any.

        :raises WorkspaceError: by the answer's status; ServiceUnavailable when there was none.
        """
        headers: dict[str, str] = {}
        if last is not None:
            # Blob storage knows no range that is counted from the end.
            size = int(self._fetch("HEAD", url, headers).headers.get("Content-Length") or 0)
            if size > last:
                headers = {"Range": f"bytes={size - last}-"}
        return self._fetch("GET", url, headers).content

    def _fetch(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        end, wait = time.monotonic() + self.limits.retry, _FIRST_WAIT_SECONDS
        while True:
            try:
                response = self._session.request(
                    method,
                    url,
                    headers=dict(headers),
                    auth=unsigned,
                    timeout=(self.limits.connect, self.limits.read),
                    allow_redirects=False,
                    verify=self._ca_file,
                )
            except requests.RequestException as error:
                if time.monotonic() + wait > end:
                    # Not chained: its message has the address, whose signature is a secret.
                    words = f"{method} {url.partition('?')[0]} is not answered ({type(error).__name__})."
                    raise ServiceUnavailable(words) from None
            else:
                if response.status_code < 300:
                    return response
                if response.status_code not in _TRANSIENT or time.monotonic() + wait > end:
                    raise error_of(response)
            time.sleep(wait)
            wait *= 2

    def _send(self, request: _Request, token: str) -> requests.Response:
        end, wait = time.monotonic() + self.limits.retry, _FIRST_WAIT_SECONDS
        while True:
            response: requests.Response | None = None
            lost: Exception | None = None
            try:
                response = self._once(request, token)
            except _LOST as error:
                lost = error
            pause = _pause(request, response, wait)
            if pause is None or time.monotonic() + pause > end:
                if response is not None:
                    return response
                raise ServiceUnavailable(f"Azure ML does not answer {request} ({type(lost).__name__}).") from lost
            time.sleep(pause)
            wait *= 2

    def _once(self, request: _Request, token: str) -> requests.Response:
        """:raises ServiceUnavailable: no answer in time. :raises: one of `_LOST`."""
        try:
            return self._session.request(
                request.method,
                request.url,
                params={key: value for key, value in (request.query or {}).items() if value is not None},
                json=request.body,
                headers={} if request.body is None else {"Content-Type": request.content_type},
                auth=_Bearer(token),
                timeout=(self.limits.connect, self.limits.read),
                allow_redirects=False,
                verify=self._ca_file,  # None: `requests`' own, or those of REQUESTS_CA_BUNDLE
            )
        except _LOST:
            raise
        except requests.Timeout as error:
            raise ServiceUnavailable(f"Azure ML gave no answer to {request} within {self.limits.read:g} s.") from error
        except requests.exceptions.InvalidJSONError as error:
            raise InvalidRequest(f"{request}: a value is not JSON ({error}).") from error
        except requests.RequestException as error:
            raise ServiceUnavailable(f"{request}: {type(error).__name__}.") from error


def unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps `requests` from adding what it finds in `~/.netrc` or in the address."""
    return request


def _pause(request: _Request, response: requests.Response | None, wait: float) -> float | None:
    """Seconds until the request is sent again, None when it is not. `response` is None when it was lost."""
    if response is None:
        return wait if request.repeatable else None
    if response.status_code == requests.codes.too_many_requests:
        asked = retry_after_in(response.headers)
        return asked if asked is not None else (wait if request.repeatable else None)
    if response.status_code in _TRANSIENT and request.repeatable:
        return max(wait, retry_after_in(response.headers) or 0.0)
    return None
