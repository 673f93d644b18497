"""Content at signed addresses: no token goes there, and the signature goes nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.credentials import AccessToken
from azureml_workspace.azure_v1.rest import AzureRest, Limits
from azureml_workspace.errors import NotFound, ServiceUnavailable, Unauthorized, WorkspaceError
from azureml_workspace.settings import AzureSettings

pytestmark = pytest.mark.integration

CONTENT = b"0123456789"
SIGNATURE = "sig=very-secret"


class _Storage(BaseHTTPRequestHandler):
    seen: list[tuple[str, dict[str, str]]]
    answers: list[int]

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self._answer(CONTENT[start:])

    def _answer(self, content: bytes) -> None:
        self.seen.append((self.command, {name.lower(): value for name, value in self.headers.items()}))
        status = self.answers.pop(0) if self.answers else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(CONTENT if self.command == "HEAD" else content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def storage() -> Iterator[type[_Storage]]:
    handler = type("Storage", (_Storage,), {"seen": [], "answers": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://user@127.0.0.1:{server.server_port}/c/blob?{SIGNATURE}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> AzureRest:
    def no_token(_: AccessToken) -> str:
        raise AssertionError("a token was asked for")

    monkeypatch.setattr(AccessToken, "get", no_token)
    settings = AzureSettings(
        subscription_id="s", resource_group="g", workspace_name="w", tenant_id="t", client_id="c", client_secret="x"
    )
    cloud = cloud_of(settings)
    limits = Limits(connect=2, read=2, retry=1)
    return AzureRest(cloud, AccessToken(settings, cloud, lambda _: None), limits)


def test_the_whole_content(storage: type[_Storage], rest: AzureRest) -> None:
    assert rest.download(storage.url) == CONTENT  # type: ignore[attr-defined]
    ((_, headers),) = storage.seen
    assert "authorization" not in headers


@pytest.mark.parametrize(("last", "content"), [(3, b"789"), (10, CONTENT), (100, CONTENT)])
def test_the_end_of_it(storage: type[_Storage], rest: AzureRest, last: int, content: bytes) -> None:
    assert rest.download(storage.url, last=last) == content  # type: ignore[attr-defined]


def test_a_passing_trouble_is_tried_again(storage: type[_Storage], rest: AzureRest) -> None:
    storage.answers.append(503)
    assert rest.download(storage.url) == CONTENT  # type: ignore[attr-defined]


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, Unauthorized)])
def test_refusals(storage: type[_Storage], rest: AzureRest, status: int, kind: type[WorkspaceError]) -> None:
    storage.answers.append(status)
    with pytest.raises(kind) as caught:
        rest.download(storage.url)  # type: ignore[attr-defined]
    assert SIGNATURE not in str(caught.value)


def test_nobody_answers(rest: AzureRest) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        rest.download(f"http://127.0.0.1:1/c/blob?{SIGNATURE}")
    error: BaseException | None = caught.value
    assert error is not None
    assert SIGNATURE not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__
