"""How tests speak to a server's pipeline routes."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

TOKEN = "the-token-of-this-test"
BASE = "http://127.0.0.1:1"


def path_of(url: str) -> str:
    assert url.startswith(f"{BASE}/pipelines/v1.0/PipelineRuns/")
    return url.removeprefix(BASE)


def submit(client: TestClient, pipeline: dict[str, Any], *, to: str = "endpoint", **body: Any) -> Any:
    return client.post(path_of(pipeline[to]), json=body)


def error(response: Any) -> tuple[int, str, str]:
    envelope = response.json()["error"]
    return response.status_code, envelope["code"], envelope["message"]
