"""Addresses: what of one may be shown, what is a secret in it, and whether others can listen on the way there."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import unquote, unquote_plus, urlsplit

_SHORTEST_SIGNATURE = 16
"""Characters from which the value of a query parameter is a secret by itself; a shorter one is a date or a number."""


@dataclass(frozen=True)
class _Address:
    """The parts of a URI. Not `urlsplit`, which refuses some that are to be shown in the message of their refusal."""

    scheme: str
    user: str
    place: str
    query: str

    @classmethod
    def of(cls, uri: str) -> Self:
        scheme, _, rest = uri.partition("://")
        address, _, query = rest.partition("#")[0].partition("?")
        authority, slash, path = address.partition("/")
        user, at, host = authority.rpartition("@")
        # In abfs://container@account/ it is no user; what has a colon holds a password everywhere.
        if scheme.lower() in {"http", "https"} or ":" in user:
            return cls(scheme, user, f"{host}{slash}{path}", query)
        return cls(scheme, "", f"{user}{at}{host}{slash}{path}", query)


def shown(uri: str) -> str:
    """The URI without its query, fragment and user information; a local path as it is."""
    if "://" not in uri:
        return uri
    address = _Address.of(uri)
    return f"{address.scheme}://{address.place}"


def secrets_of(uri: str) -> tuple[str, ...]:
    """User information, password, query, and what in the query may be a signature: as written, and decoded."""
    if "://" not in uri:
        return ()
    address = _Address.of(uri)
    values = [pair.partition("=")[2] for pair in address.query.split("&")]
    signatures = [value for value in values if len(value) >= _SHORTEST_SIGNATURE]
    parts = [address.user, address.user.partition(":")[2], address.query, *signatures]
    forms = [form for part in parts for form in (part, unquote(part), unquote_plus(part))]
    return tuple(dict.fromkeys(form for form in forms if form))


def is_sent_in_clear(uri: str) -> bool:
    """Whether the address is plain HTTP, and not within a machine or a private network."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    try:
        is_public = ip_address(host).is_global
    except ValueError:
        is_public = "." in host.rstrip(".")  # others are of this machine or network, as in Docker Compose
    return parts.scheme == "http" and is_public
