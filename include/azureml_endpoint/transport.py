"""One HTTP exchange with a web service: bounded in time and size, and careful with the key."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3

from azureml_endpoint.errors import EndpointError, EndpointUnavailable, UnexpectedReply, error_for_status
from azureml_endpoint.wire import decode_error
from azureml_workspace.errors import InvalidRequest

MAX_REPLY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A complete HTTP answer. `headers` have lower-case names; `latency_ms` runs from the call to the last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    latency_ms: float

    @property
    def request_id(self) -> str | None:
        """The id under which the service knows the request."""
        return self.headers.get("x-ms-request-id")

    def error(self) -> EndpointError:
        """The error that this answer stands for; call it for a status other than 2xx."""
        if self.status < 400 and "location" in self.headers:
            # A redirect is never followed: it would send the key to whatever host the answer names.
            message = f"it redirects to {self.headers['location']}; use that as the scoring URI."
        else:
            message = decode_error(self.body)
        return error_for_status(
            self.status, message, request_id=self.request_id, retry_after=_seconds(self.headers.get("retry-after"))
        )


class Transport:
    """Keep-alive exchanges with one service; `timeout` bounds each as a whole, in seconds. Close it, or use `with`."""

    def __init__(self, uri: str, timeout: float) -> None:
        host = check_uri(uri).hostname or ""
        if timeout <= 0:
            raise InvalidRequest(f"timeout is {timeout:g}; give a number of seconds above 0.")
        self._timeout = timeout
        self._session = requests.Session()
        # A proxy named in the environment cannot reach this machine's own loopback.
        self._session.trust_env = not is_loopback(host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def exchange(
        self,
        method: str,
        uri: str,
        *,
        key: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and read the whole answer, whatever its status.

        :raises EndpointUnavailable: no connection, a lost one, or no complete answer within the time limit.
        :raises UnexpectedReply: an answer above 64 MiB.
        """
        started = time.perf_counter()
        try:
            with self._session.request(
                method,
                uri,
                data=body,
                headers=dict(headers or {}),
                auth=_bearer(check_key(key)),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._read(response.raw, started, uri)
                return Reply(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=content,
                    latency_ms=(time.perf_counter() - started) * 1000,
                )
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise self._too_slow(uri) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise EndpointUnavailable(
                f"No complete answer from {uri}: {_cause(error)}. Is the service running?"
            ) from error

    def _read(self, stream: urllib3.HTTPResponse, started: float, uri: str) -> bytes:
        content = bytearray()
        # `read1` returns what has arrived: a server that sends a byte now and then never reaches the library's own
        # limit, which is per read.
        while chunk := stream.read1(65536, decode_content=True):
            content += chunk
            if len(content) > MAX_REPLY_BYTES:
                raise UnexpectedReply(f"{uri} answered more than {MAX_REPLY_BYTES} bytes.")
            if time.perf_counter() - started > self._timeout:
                raise self._too_slow(uri)
        return bytes(content)

    def _too_slow(self, uri: str) -> EndpointUnavailable:
        return EndpointUnavailable(f"{uri} gave no complete answer within {self._timeout:g} s.")


def check_uri(uri: str) -> SplitResult:
    """The parts of an absolute http(s) URI without user information. :raises InvalidRequest:"""
    parts = urlsplit(uri)
    try:
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number below 65536
        known = False
    if not known or not uri.isascii() or not uri.isprintable() or " " in uri:
        raise InvalidRequest(f"scoring URI {uri!r} is not an http:// or https:// address.")
    if parts.username or parts.password:
        raise InvalidRequest("the scoring URI holds a user name or password; give the key apart from it.")
    return parts


def check_key(key: str | None) -> str | None:
    """The key as it can stand in a header. :raises InvalidRequest: without showing it."""
    if key is None:
        return None
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidRequest(
            "the key is empty or holds a space, a line break or another character that no key has; copy it again."
        )
    return key


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine's own loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bearer(key: str | None) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Authorization by callable, even for no key: otherwise requests would take credentials from a .netrc file."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if key is not None:
            request.headers["Authorization"] = f"Bearer {key}"
        return request

    return authorize


def _cause(error: Exception) -> str:
    """The innermost reason, without the layers of pools and retries around it."""
    inner = error
    while (below := _below(inner)) is not None:
        inner = below
    return str(inner).rsplit(": ", 1)[-1] or type(inner).__name__


def _below(error: Exception) -> Exception | None:
    candidates = (getattr(error, "reason", None), *error.args)
    return next((candidate for candidate in candidates if isinstance(candidate, Exception)), None)


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; its date form is not used by any service we know and counts as not given."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
