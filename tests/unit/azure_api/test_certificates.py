"""The certificate of the https address: made once, renewed in time, and trusted beside the world's authorities."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from azureml_local.azure_api import certificates
from azureml_local.azure_api.certificates import ensure_certificate, write_bundle

pytestmark = pytest.mark.unit


def test_it_is_made_once(tmp_path: Path) -> None:
    first = ensure_certificate(tmp_path)
    content = first.certificate.read_bytes()
    assert ensure_certificate(tmp_path) == first
    assert first.certificate.read_bytes() == content
    assert first.key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("days_left", "is_renewed"), [(29, True), (31, False)])
def test_it_is_renewed_a_month_before_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days_left: int, is_renewed: bool
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "_LIFE", timedelta(days=days_left, minutes=1))
        before = ensure_certificate(tmp_path).certificate.read_bytes()
    files = ensure_certificate(tmp_path)
    assert (files.certificate.read_bytes() != before) is is_renewed
    authority, leaf = (
        x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.authority, files.certificate)
    )
    leaf.verify_directly_issued_by(authority)
    assert leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=days_left - 1)


@pytest.mark.parametrize("file", ["ca.pem", "cert.pem", "key.pem"])
def test_it_is_made_anew_when_a_part_is_missing(tmp_path: Path, file: str) -> None:
    ensure_certificate(tmp_path)
    (tmp_path / file).unlink()
    files = ensure_certificate(tmp_path)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(files.certificate, files.key)


def test_the_bundle_trusts_the_world_too(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path)

    def trusted(file: str | Path) -> set[bytes]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(file)
        return set(context.get_ca_certs(binary_form=True))

    world, own = trusted(DEFAULT_CA_BUNDLE_PATH), trusted(files.authority)
    assert len(world) > 50
    assert trusted(write_bundle(files)) == world | own
