"""Access tokens of the local cloud: signed, of limited life, and only for who knows the server's token."""

from __future__ import annotations

import hashlib
import hmac
import time

import jwt

from azureml_local.azure_api.addresses import TENANT_ID
from azureml_workspace.errors import Unauthorized

LIFETIME_SECONDS = 3600
_ALGORITHM = "HS256"


class TokenIssuer:
    """Issues and checks the tokens of one server.

    They are JSON Web Tokens because the SDK reads `exp` and `tid` out of them; only this server can make them.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._key = hashlib.sha256(b"azureml-sdk access tokens\0" + secret.encode()).digest()

    def is_secret(self, given: str) -> bool:
        """Whether `given` is the server's own token, which is the password of every service principal here."""
        return hmac.compare_digest(given.encode(), self._secret.encode())

    @property
    def identity_secret(self) -> str:
        """What a process of this machine shows to get a token as the managed identity, which may do everything here.

        It is not the server's token: the control plane does not take it.
        """
        return hmac.digest(self._key, b"managed identity", "sha256").hex()

    def is_identity_secret(self, given: str) -> bool:
        """Whether `given` is that."""
        return hmac.compare_digest(given.encode(), self.identity_secret.encode())

    def issue(self, client_id: str, audience: str, *, lifetime_seconds: int = LIFETIME_SECONDS) -> str:
        """A token for `client_id`."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.local/{TENANT_ID}/",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime_seconds,
            "tid": TENANT_ID,
            "oid": client_id,
            "appid": client_id,
            "sub": client_id,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def check(self, token: str, *, audience: str | None = None) -> str:
        """Who the token is for. `audience`: what it has to be for, None for anything.

        :raises Unauthorized: it has expired, is not one of this server, or for something else.
        """
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options={"verify_aud": False})
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized("the access token has expired; sign in again.") from error
        except jwt.InvalidTokenError as error:
            raise Unauthorized("the access token is not one of this server; sign in here.") from error
        if audience is not None and str(claims["aud"]).rstrip("/") != audience:
            raise Unauthorized(f"the access token is for {claims['aud']}, and has to be for {audience}.")
        return str(claims["sub"])
