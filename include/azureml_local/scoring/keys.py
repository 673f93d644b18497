"""The two keys of a service: `Authorization: Bearer KEY`."""

from __future__ import annotations

import hmac
from typing import Self

from azureml_workspace.errors import Unauthorized
from azureml_workspace.records import ServiceKeys

_SCHEME = b"bearer "


class KeyRing:
    """Decides whether a request may score. `open_to_all` is a service deployed without authentication."""

    def __init__(self, keys: ServiceKeys | None) -> None:
        self._keys = () if keys is None else (keys.primary.encode(), keys.secondary.encode())

    @classmethod
    def open_to_all(cls) -> Self:
        """The ring that lets everybody in."""
        return cls(None)

    def check(self, authorization: bytes | None) -> None:
        """Let a request with this `Authorization` header in.

        :raises Unauthorized: there is none, it is no bearer key, or the key is neither of the two.
        """
        if not self._keys:
            return
        if authorization is None:
            raise Unauthorized(
                "no key was sent: add the header 'Authorization: Bearer KEY' with a key of this service."
            )
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthorized("the Authorization header is not of the form 'Bearer KEY'.")
        given = authorization[len(_SCHEME) :].strip()
        # Both are compared, whatever the first says, so that the time taken tells nothing.
        primary, secondary = (hmac.compare_digest(given, key) for key in self._keys)
        if not (primary or secondary):
            raise Unauthorized("the key was refused: it is neither the primary nor the secondary key of this service.")
