"""Certificates of service principals, for tests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, *, days: int = 30) -> KeyPair:
        """A new pair, valid until `days` from now."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        end = datetime.now(UTC) + timedelta(days=days)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=60))
            .not_valid_after(end)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def write(self, file: Path, *, password: str | None = None) -> Path:
        """Certificate and private key as one PEM file."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            encryption = serialization.BestAvailableEncryption(password.encode())
        file.write_bytes(
            self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
            + self.public_pem
        )
        return file

    @property
    def public_pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def federated_token(self, **changes: object) -> str:
        """What a Kubernetes cluster with this key gives to a pod."""
        claims = {
            "iss": "https://cluster.example",
            "sub": "system:serviceaccount:airflow:worker",
            "aud": "api://AzureADTokenExchange",
            "exp": int(time.time()) + 600,
        }
        return jwt.encode(claims | changes, self.key, algorithm="RS256")
