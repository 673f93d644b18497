"""The certificate of the https address, without which the SDK sends no token. Made on first use, for this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from azureml_local.files import write_bytes

_LIFE = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)
_SKEW = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Files: the authority that clients have to trust, and the server's certificate with its key (mode 0600)."""

    authority: Path
    certificate: Path
    key: Path


def ensure_certificate(folder: Path) -> Certificate:
    """The certificate in `folder`, made anew when there is none or it ends within a month.

    The authority's key is not kept, so nobody can issue another certificate that its clients would trust.
    """
    files = Certificate(authority=folder / "ca.pem", certificate=folder / "cert.pem", key=folder / "key.pem")
    if not _is_good(files):
        authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        authority = _build("local Azure ML authority", authority_key.public_key(), authority_key, of_authority=True)
        server = _build("localhost", server_key.public_key(), authority_key, of_authority=False)
        key = server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        write_bytes(files.key, key, mode=0o600)
        write_bytes(files.authority, authority.public_bytes(serialization.Encoding.PEM))
        write_bytes(files.certificate, server.public_bytes(serialization.Encoding.PEM))
    return files


def write_bundle(certificate: Certificate) -> Path:
    """A file of all authorities that a script's process has to trust: the world's, as `requests` has them, and ours.

    The variables that name it take the place of the authorities that the process would trust without them.
    """
    bundle = certificate.authority.with_name("bundle.pem")
    write_bytes(bundle, Path(DEFAULT_CA_BUNDLE_PATH).read_bytes() + b"\n" + certificate.authority.read_bytes())
    return bundle


def _is_good(files: Certificate) -> bool:
    if not all(path.is_file() for path in (files.authority, files.certificate, files.key)):
        return False
    found = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    return datetime.now(UTC) + _RENEW_BEFORE < found.not_valid_after_utc


def _build(
    name: str, public_key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePrivateKey, *, of_authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local Azure ML authority")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=of_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if of_authority:
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    else:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
