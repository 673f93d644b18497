"""What a load test is asked for and what it counts."""

from __future__ import annotations

import ssl
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_REASONS = 50
"""Different reasons of failure that are told apart."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A load test to run; see `azureml_endpoint.load.run_load`."""

    scoring_uri: str
    key: str | None = field(repr=False)
    body: bytes = field(repr=False)
    requests: int
    concurrency: int
    warmup: int
    timeout: float
    time_limit: float
    keep_alive: bool
    traceparent: str
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Tally:
    """Counts of one phase (warm-up or measured). `seconds` run from its first request to its last answer."""

    target: int = 0
    issued: int = 0
    latencies_ms: array[float] = field(default_factory=lambda: array("d"))
    failed: int = 0
    bytes: int = 0
    seconds: float = 0.0
    by_status: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    closed: bool = False

    @property
    def ended(self) -> int:
        """Requests that succeeded or failed."""
        return len(self.latencies_ms) + self.failed

    def fail(self, reason: str) -> None:
        """Count a failure; past `MAX_REASONS` different reasons (an id in each, perhaps) under one name."""
        self.failed += 1
        self.errors[reason if reason in self.errors or len(self.errors) < MAX_REASONS else "other reasons"] += 1


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was counted. `stopped` says why the test ended early, else it is empty."""

    warmup: Tally
    measured: Tally
    connections: int
    stopped: str


def request_bytes(plan: Plan) -> bytes:
    """The request, the same each time; its `traceparent` names the load test as the caller of all of them."""
    parts = urlsplit(plan.scoring_uri)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        "User-Agent: azureml-endpoint",
        "Accept: application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(plan.body)}",
        f"traceparent: {plan.traceparent}",
        *(f"{name}: {value}" for name, value in plan.headers.items()),
    ]
    if plan.key is not None:
        headers.append(f"Authorization: Bearer {plan.key}")
    if not plan.keep_alive:
        headers.append("Connection: close")
    return "\r\n".join([*headers, "", ""]).encode("ascii") + plan.body
