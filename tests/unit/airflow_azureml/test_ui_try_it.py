"""What is sent to a web service from a page: where the workspace says, with the key that was given and no other."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported

# isort: split
from tests.unit.airflow_azureml.test_ui_workspace_pages import EVERYTHING, PAGE, Pages
from tests.unit.airflow_azureml.ui_whole_workspace import PRIMARY_KEY, WholeWorkspace, a_service

from airflow_azureml.ui.pages.services import MOST_BYTES
from azureml_local.features.spec import InputColumn, ModelSignature
from azureml_local.scoring.swagger import ServedModel, build_swagger

pytestmark = pytest.mark.unit

HOSTILE = "</script><script>alert(1)</script>"


@dataclass
class Service:
    """A web service on a port of its own; it answers `status` and `body`, and keeps what it was asked."""

    status: int = 200
    body: bytes = b'"{\\"result\\": [\\"yes\\"]}"'
    kind: str = "application/json"
    document: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_document = self.path == "/swagger.json"
                self._answer(json.dumps(service.document).encode() if is_document else b"Healthy")

            def do_POST(self) -> None:
                self._answer(service.body)

            def _answer(self, body: bytes) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.asked.append((self.command, self.path, headers, sent))
                self.send_response(service.status)
                self.send_header("Content-Type", service.kind)
                self.send_header("Set-Cookie", "_token=stolen")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, service: Service) -> Pages:
    pages = Pages(monkeypatch)
    pages.reader = EVERYTHING
    pages.workspace = WholeWorkspace(
        services=[a_service(scoring_uri=f"{service.url}/score", swagger_uri=f"{service.url}/swagger.json")]
    )
    return pages


def score(pages: Pages, **headers: str) -> Any:
    return pages.client.post(
        "/services/score", params={"name": "bank-svc"}, headers=PAGE | headers, content=b'{"data": []}'
    )


def test_body_and_key_are_passed_on_as_they_are(pages: Pages, service: Service) -> None:
    answer = score(pages, **{"X-Service-Authorization": "Bearer the-key-that-was-typed"})
    ((method, path, headers, body),) = service.asked
    assert (method, path, body) == ("POST", "/score", b'{"data": []}')
    assert headers["authorization"] == "Bearer the-key-that-was-typed"
    assert headers["x-azureml-purpose"] == "try-it", "its rows are not those of a client"
    assert (answer.status_code, answer.content) == (200, service.body)
    assert float(answer.headers["x-service-milliseconds"]) > 0


def test_no_key_is_added(pages: Pages, service: Service) -> None:
    score(pages)
    assert "authorization" not in service.asked[0][2]
    assert "cookie" not in service.asked[0][2]
    assert "service_keys" not in pages.workspace.asked


@pytest.mark.parametrize("status", [400, 401, 413, 500])
def test_refusals_are_the_service_s_own(pages: Pages, service: Service, status: int) -> None:
    service.status, service.body = status, b'{"error": {"code": "X", "message": "row 1"}}'
    answer = score(pages)
    assert (answer.status_code, answer.content) == (status, service.body)
    assert answer.headers["x-service-status"] == str(status)


def test_what_a_service_sends_is_never_a_page_of_ours(pages: Pages, service: Service) -> None:
    service.body, service.kind = HOSTILE.encode(), "text/html"
    answer = score(pages)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_service_that_does_not_answer(pages: Pages, service: Service) -> None:
    service.server.shutdown()
    service.server.server_close()
    answer = score(pages)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "NoAnswer"


def test_body_that_no_service_takes(pages: Pages, service: Service) -> None:
    answer = pages.client.post(
        "/services/score", params={"name": "bank-svc"}, headers=PAGE, content=b"x" * (MOST_BYTES + 1)
    )
    assert answer.status_code == 413
    assert service.asked == []


def test_health_is_asked_beside_the_score(pages: Pages, service: Service) -> None:
    answer = pages.client.post("/services/health", params={"name": "bank-svc"}, headers=PAGE)
    assert answer.text == "Healthy"
    assert service.asked[0][:2] == ("GET", "/")


def with_columns(service: Service, *names: str) -> None:
    signature = ModelSignature(
        label_column="y",
        label_kind="string",
        classes=("no", "yes"),
        inputs=tuple(InputColumn(name=name, kind="string", nullable=False, required=True) for name in names),
        sample_labels=("yes",),
        sample_rows=({name: f"{name} it's" for name in names},),
    )
    served = ServedModel(service_name="bank-svc", model_name="bank", model_version=2, auth_enabled=True)
    service.document = build_swagger(served, signature=signature, sample_result=["yes"], response_format="string")


def test_form_and_lines_are_made_of_the_service_s_own_description(pages: Pages, service: Service) -> None:
    with_columns(service, "job", HOSTILE)
    source = pages.get("/services/consume", name="bank-svc").text
    assert 'data-name="job" data-kind="string" value="job it&#39;s"' in source
    assert HOSTILE not in source
    assert "authorization" not in service.asked[0][2]
    assert PRIMARY_KEY not in source
    text = pages.text("/services/consume", name="bank-svc")
    assert f"curl -s {service.url}/score" in text
    assert "Bearer $KEY" in text
    assert "ab -n 1000 -c 4" in text


def test_the_lines_work_when_pasted(pages: Pages, service: Service, tmp_path: Any) -> None:
    with_columns(service, "job", "a 'b' \"c\" $d")
    page = pages.get("/services/consume", name="bank-svc").text
    blocks = [html.unescape(block) for block in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)]
    curl, python = blocks[0], blocks[1]
    service.asked.clear()
    environment = {**os.environ, "KEY": "k-1"}
    if shutil.which("curl"):
        subprocess.run(["bash", "-c", curl], env=environment, check=True, timeout=30, capture_output=True)
    subprocess.run([sys.executable, "-c", python], env=environment, check=True, timeout=30, capture_output=True)
    assert service.asked
    for _, path, headers, body in service.asked:
        assert path == "/score"
        assert headers["authorization"] == "Bearer k-1"
        row = json.loads(body)["data"][0]
        assert row["a 'b' \"c\" $d"] == "a 'b' \"c\" $d it's"


def test_swagger_document_names_the_service_s_own_host(pages: Pages, service: Service) -> None:
    with_columns(service, "job")
    document = pages.get("/services/swagger.json", name="bank-svc").json()
    assert document["host"] == service.url.removeprefix("http://")
    assert document["schemes"] == ["http"]


def test_service_without_a_description(pages: Pages, service: Service) -> None:
    service.document = {"swagger": "1.2"}
    assert pages.get("/services/swagger.json", name="bank-svc").status_code == 502
    assert "Swagger 2.0 or OpenAPI 3 was expected" in pages.text("/services/consume", name="bank-svc")
