"""Client assertions: a service principal that proves itself with the private key of a registered certificate.

RFC 7523, in the two forms that Microsoft's identity platform takes: an assertion that the client signed itself, and one
of an issuer that the client is federated with (a Kubernetes cluster, for one).
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from azureml_workspace.errors import Unauthorized

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FEDERATION_AUDIENCE = "api://AzureADTokenExchange"
FOLDER = "service_principals"
_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ALGORITHMS = ["RS256", "PS256"]


class ServicePrincipals:
    """Those that have a certificate in `folder`: `<client id>.pem`, put there by who owns the server's folder.

    The certificate is the client's own or, for a federated client, that of its issuer; it holds no private key.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, client_id: str, assertion: str, token_endpoint: str) -> None:
        """:raises Unauthorized: `assertion` does not prove that it comes from `client_id`."""
        certificate = self._certificate(client_id)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Unauthorized("AADSTS700027: the registered certificate has no RSA key.")
        try:
            header = jwt.get_unverified_header(assertion)
            signed_by_itself = _issuer(assertion) == client_id
            claims = jwt.decode(
                assertion,
                key,
                algorithms=_ALGORITHMS,
                audience=token_endpoint if signed_by_itself else FEDERATION_AUDIENCE,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(f"AADSTS700027: the client assertion is not valid ({type(error).__name__}).") from error
        if signed_by_itself and not (claims["sub"] == client_id and _names(header, certificate)):
            raise Unauthorized("AADSTS700027: the client assertion names another certificate or another subject.")

    def _certificate(self, client_id: str) -> x509.Certificate:
        file = self._folder / f"{client_id}.pem"
        if not _CLIENT_ID.fullmatch(client_id) or not file.is_file():
            raise Unauthorized(
                f"AADSTS700027: no certificate is registered for this client; put it into {self._folder} as "
                "<client id>.pem, without its private key."
            )
        try:
            found = x509.load_pem_x509_certificate(file.read_bytes())
        except ValueError as error:
            raise Unauthorized(f"AADSTS700027: {file.name} holds no certificate.") from error
        if not found.not_valid_before_utc <= datetime.now(UTC) <= found.not_valid_after_utc:
            raise Unauthorized("AADSTS700027: the registered certificate is not valid today.")
        return found


def _issuer(assertion: str) -> str:
    """Who it says that it is from, before anything is checked."""
    return str(jwt.decode(assertion, options={"verify_signature": False}).get("iss"))


def _names(header: dict[str, str], certificate: x509.Certificate) -> bool:
    """Whether the header's thumbprint is the certificate's."""
    # SHA-1 names the certificate here, as RFC 7515 has it; the signature is what proves.
    prints = {"x5t": hashes.SHA1(), "x5t#S256": hashes.SHA256()}  # noqa: S303
    return any(header.get(name, "").rstrip("=") == _encoded(certificate, kind) for name, kind in prints.items())


def _encoded(certificate: x509.Certificate, kind: hashes.HashAlgorithm) -> str:
    return base64.urlsafe_b64encode(certificate.fingerprint(kind)).rstrip(b"=").decode()
