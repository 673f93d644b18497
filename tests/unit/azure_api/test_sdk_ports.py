"""The ports of the surface, and what a server loads that does not have it."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from azureml_local.azure_api.ports import SdkPorts, bind
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

LOADED = """
import sys
import azureml_local.cli, azureml_local.server.serve
print(sorted(name for name in sys.modules if name.startswith("azureml_local.azure_api.")))
print([name for name in ("jwt", "cryptography.x509") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("text", "plain", "secure"), [("8791,8792", 8791, 8792), ("0", 0, 0), ("0,0", 0, 0), ("65535,1", 65535, 1)]
)
def test_ports(text: str, plain: int, secure: int) -> None:
    assert SdkPorts.parse(text) == SdkPorts(plain=plain, secure=secure)


@pytest.mark.parametrize(
    "text", ["", "x", "8791", "8791,8791", "8791,0", "0,8791", "8791,65536", "-1,2", "1,2,3", "1;2"]
)
def test_what_is_no_pair_of_ports(text: str) -> None:
    with pytest.raises(InvalidRequest, match="8791,8792"):
        SdkPorts.parse(text)


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidRequest, match=f"port {port}.*--sdk-ports"):
            bind(port)


def test_a_server_without_the_surface_does_not_load_it() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)
    surface, libraries = done.stdout.splitlines()
    light = [
        "azureml_local.azure_api.addresses",
        "azureml_local.azure_api.environment",
        "azureml_local.azure_api.ports",
    ]
    assert (surface, libraries) == (str(light), "[]")
