"""Every way to sign in, with `azure-identity` over real HTTP and TLS; what is refused, and what is then said."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.azure_server import AzureServer
from tests.integration.azure_v1.certificates import KeyPair

from azureml_local.azure_api.assertions import ASSERTION_TYPE, FOLDER
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_local.paths import Home
from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.credentials import AccessToken
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized
from azureml_workspace.settings import AzureSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch) -> AzureSettings:
    """Of the local cloud, with nothing of a sign-in in the environment."""
    for name in os.environ:
        if name.startswith(("AZURE_", "MSI_", "IDENTITY_")):
            monkeypatch.delenv(name)
    return azure_server.azure_settings()


@pytest.fixture
def sign_in(settings: AzureSettings) -> Callable[..., str]:
    def _sign_in(**changes: Any) -> str:
        given = replace(settings, **changes)
        return AccessToken(given, cloud_of(given), lambda _: None).get()

    return _sign_in


@pytest.fixture
def register(azure_server: AzureServer) -> Callable[[str, KeyPair], None]:
    def _register(client_id: str, pair: KeyPair) -> None:
        folder = Home(azure_server.home).azure_api / FOLDER
        folder.mkdir(exist_ok=True)
        (folder / f"{client_id}.pem").write_bytes(pair.public_pem)

    return _register


def whose(server: AzureServer, token: str) -> str:
    return TokenIssuer(server.token).check(token)


def test_secret(azure_server: AzureServer, sign_in: Callable[..., str]) -> None:
    assert whose(azure_server, sign_in()) == "tests"


@pytest.mark.parametrize("password", [None, "of-the-file"])
def test_certificate(
    azure_server: AzureServer, sign_in: Callable[..., str], register: Any, tmp_path: Path, password: str | None
) -> None:
    pair = KeyPair.make()
    register("certified", pair)
    token = sign_in(
        sign_in="service_principal_certificate",
        client_id="certified",
        certificate_path=str(pair.write(tmp_path / "key.pem", password=password)),
        certificate_password=password,
    )
    assert whose(azure_server, token) == "certified"


def test_certificate_that_is_not_registered(sign_in: Callable[..., str], register: Any, tmp_path: Path) -> None:
    register("other", KeyPair.make())
    mine = str(KeyPair.make().write(tmp_path / "mine.pem"))
    for client_id in ("nobody", "other", "../other"):
        with pytest.raises(Unauthorized, match="upload it"):
            sign_in(sign_in="service_principal_certificate", client_id=client_id, certificate_path=mine)


def test_certificate_that_has_expired(sign_in: Callable[..., str], register: Any, tmp_path: Path) -> None:
    pair = KeyPair.make(days=-1)
    register("late", pair)
    with pytest.raises(Unauthorized, match="not valid today"):
        sign_in(
            sign_in="service_principal_certificate",
            client_id="late",
            certificate_path=str(pair.write(tmp_path / "key.pem")),
        )


def test_certificate_file_that_cannot_be_used(sign_in: Callable[..., str], tmp_path: Path) -> None:
    protected = str(KeyPair.make().write(tmp_path / "key.pem", password="hush-0123456789"))
    (tmp_path / "no.pem").write_text("no certificate")
    for path, password in ((protected, "wrong-0123456789"), (str(tmp_path / "no.pem"), None), ("/nowhere.pem", None)):
        with pytest.raises(InvalidRequest, match="cannot work") as caught:
            sign_in(
                sign_in="service_principal_certificate",
                client_id="c",
                certificate_path=path,
                certificate_password=password,
            )
        assert "wrong-0123456789" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example/token"},
        {"exp": 1},
        {"exp": None},
    ],
)
def test_assertion_that_proves_nothing(
    azure_server: AzureServer, settings: AzureSettings, register: Any, changes: dict[str, object]
) -> None:
    pair = KeyPair.make()
    register("proves", pair)
    claims = {name: value for name, value in changes.items() if value is not None}
    good, bad = pair.federated_token(), pair.federated_token(**claims)
    if None in changes.values():
        bad = good.rpartition(".")[0] + "."  # no signature
    for assertion, status in ((good, 200), (bad, 401), (KeyPair.make().federated_token(), 401)):
        answer = requests.post(
            f"{cloud_of(settings).login}/t/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": "proves",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion,
            },
            verify=settings.ca_file,
            timeout=10,
        )
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("api", ["2017-09-01", "2019-08-01"])
@pytest.mark.parametrize("client_id", [None, "assigned"])
def test_managed_identity(
    azure_server: AzureServer,
    sign_in: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    api: str,
    client_id: str | None,
) -> None:
    variables = azure_server.environment_of_sdk
    names = {"2017-09-01": ("MSI_ENDPOINT", "MSI_SECRET"), "2019-08-01": ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")}
    endpoint, secret = names[api]
    monkeypatch.setenv(endpoint, variables["MSI_ENDPOINT"])
    monkeypatch.setenv(secret, variables["MSI_SECRET"])
    token = sign_in(sign_in="managed_identity", client_id=client_id, client_secret=None)
    assert whose(azure_server, token) == (client_id or "managed-identity")
    monkeypatch.setenv(secret, "guessed")
    with pytest.raises(Unauthorized):
        sign_in(sign_in="managed_identity", client_id=client_id)


def test_the_identitys_secret_is_not_the_servers_token(azure_server: AzureServer) -> None:
    secret = azure_server.environment_of_sdk["MSI_SECRET"]
    assert secret != azure_server.token
    answer = requests.get(f"{azure_server.url}/v1/runs", headers={"Authorization": f"Bearer {secret}"}, timeout=10)
    assert answer.status_code == 401
    file = Home(azure_server.home).azure_api / "environment.json"
    assert file.stat().st_mode & 0o077 == 0


def test_managed_identity_where_there_is_none(sign_in: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata service's address, of a machine that has none: refused, not waited for."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(Unauthorized, match="choose another sign_in"):
            sign_in(sign_in="managed_identity")


def test_workload_identity(
    azure_server: AzureServer,
    sign_in: Callable[..., str],
    register: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    cluster = KeyPair.make()
    register("pod", cluster)
    file = tmp_path / "token"
    file.write_text(cluster.federated_token())
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_CLIENT_ID", "pod")
    monkeypatch.setenv("AZURE_TENANT_ID", "of-the-webhook")
    from_webhook = sign_in(sign_in="workload_identity", client_id=None, tenant_id=None)
    assert whose(azure_server, from_webhook) == "pod"
    file.write_text(cluster.federated_token(aud="another"))
    with pytest.raises(Unauthorized):
        sign_in(sign_in="workload_identity", client_id="pod")


def test_workload_identity_outside_of_a_pod(sign_in: Callable[..., str]) -> None:
    with pytest.raises(InvalidRequest, match="workload_identity cannot work"):
        sign_in(sign_in="workload_identity")


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A program `az` that runs the given shell lines."""

    def _az(lines: str) -> None:
        program = tmp_path / "bin" / "az"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return _az


def test_azure_cli(azure_server: AzureServer, settings: AzureSettings, sign_in: Callable[..., str], az: Any) -> None:
    issued = TokenIssuer(azure_server.token).issue("somebody", "local")
    answer = json.dumps({"accessToken": issued, "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800})
    az(f"""
        [ "$1 $2" = "account get-access-token" ] || exit 9
        case "$*" in *"{cloud_of(settings).audience.rstrip("/")}"*) ;; *) exit 8;; esac
        echo '{answer}'
    """)
    assert sign_in(sign_in="azure_cli") == issued


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1", "Run `az login` as the user"),
        ("echo 'AADSTS50076: you must use multi-factor' >&2; exit 1", "second factor"),
    ],
)
def test_azure_cli_that_is_not_signed_in(sign_in: Callable[..., str], az: Any, lines: str, words: str) -> None:
    az(lines)
    with pytest.raises(Unauthorized, match=words):
        sign_in(sign_in="azure_cli")


def test_azure_cli_that_is_not_there(sign_in: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unauthorized, match="Install the Azure CLI"):
        sign_in(sign_in="azure_cli")


def test_interactive_asks_the_browser_at_the_clouds_own_address(
    settings: AzureSettings, sign_in: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No person is here to sign in: the browser comes back with a refusal."""
    opened: list[str] = []

    def browse(url: str, **_: Any) -> bool:
        opened.append(url)
        query = requests.utils.urlparse(url).query
        given = dict(pair.split("=", 1) for pair in query.split("&"))
        back = requests.utils.unquote(given["redirect_uri"])
        answer = {"error": "access_denied", "state": given["state"]}
        # Answered as soon as this function has returned.
        threading.Thread(target=lambda: requests.get(back, params=answer, timeout=10)).start()
        return True

    monkeypatch.setattr("azure.identity._credentials.browser._open_browser", browse)
    with pytest.raises(Unauthorized):
        sign_in(sign_in="interactive", client_id="notebook")
    assert opened[0].startswith(cloud_of(settings).login)


def test_a_wrong_secret_is_named_and_not_told(sign_in: Callable[..., str]) -> None:
    with pytest.raises(Unauthorized, match=r"AADSTS7000215.*the secret's value, not its ID") as caught:
        sign_in(client_secret="wrong-secret-0123456789")
    assert "wrong-secret-0123456789" not in str(caught.value)
    assert "client tests" in str(caught.value)


def test_nobody_at_the_sign_in(settings: AzureSettings) -> None:
    cloud = replace(cloud_of(settings), login="https://127.0.0.1:1/signin")
    with pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1:1/signin does not answer"):
        AccessToken(settings, cloud, lambda _: None).get()


def test_a_sign_in_writes_no_log_of_its_requests(
    sign_in: Callable[..., str], azure_server: AzureServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = sign_in()
    assert [record.name for record in caplog.records] == []
    with pytest.raises(Unauthorized):
        sign_in(client_secret="wrong-secret-0123456789")
    for secret in (token, azure_server.token, "wrong-secret-0123456789"):
        assert secret not in caplog.text
