"""Where a workspace is and how to sign in to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from azureml_workspace.errors import InvalidRequest


@dataclass(frozen=True, kw_only=True)
class WorkspaceSettings:
    """What `open_workspace` needs.

    `backend` names the adapter. `url` is the control plane's address. The bearer token is `token`, or the content of
    `token_file`, which is read again when the token was refused. Times are in seconds: `connect_timeout` and
    `read_timeout` bound one call, `retry_seconds` bounds the repeats of one whose connection was refused or lost.
    """

    backend: str = "local"
    url: str = "http://127.0.0.1:8790"
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None
    connect_timeout: float = 3.0
    read_timeout: float = 60.0
    retry_seconds: float = 10.0

    def validate(self) -> None:
        """:raises InvalidRequest: the address is not one of http(s), or a token and a token file are both given."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidRequest(
                f"workspace URL {self.url!r} is not valid; give one like http://127.0.0.1:8790 (scheme, host and port)."
            )
        if self.token and self.token_file:
            raise InvalidRequest("token and token_file are both set; give one of them.")
