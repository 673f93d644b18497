"""Files of datasets that are at an address of the web."""

from __future__ import annotations

from pathlib import Path
from time import monotonic as _now
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import get_auth_from_url

from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

MOST_BYTES = 4 << 30
MOST_SECONDS = 15 * 60.0
_TIMEOUT_SECONDS = (5.0, 60.0)
"""Until the server answers, and until it sends the next bytes."""
_READ_BYTES = 1 << 20


def download(url: str, target: Path) -> Path:
    """Write what is at `url` to `target`.

    :raises InvalidRequest: there is none, or it is too large. :raises ServiceUnavailable: the web server does not give
        it, or takes too long. :raises StorageFull:
    """
    place = urlsplit(url).hostname
    try:
        # Closing the file writes too, so it is within what tells of a full disk.
        with (
            no_room_as_storage_full("the dataset's file"),
            _Session(url) as session,
            session.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as response,
            target.open("wb") as file,
        ):
            if response.status_code != requests.codes.ok:
                raise InvalidRequest(f"{place} answered {response.status_code} for the dataset's file.")
            size, end = 0, _now() + MOST_SECONDS
            for chunk in response.iter_content(_READ_BYTES):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise InvalidRequest(
                        f"the dataset's file at {place} has more than {MOST_BYTES:,} bytes; upload it to the datastore."
                    )
                if _now() > end:
                    raise ServiceUnavailable(f"{place} did not give the dataset's file within {MOST_SECONDS:.0f} s.")
                file.write(chunk)
    except requests.RequestException as error:
        raise ServiceUnavailable(f"{place} does not give the dataset's file ({type(error).__name__}).") from error
    return target


class _Session(requests.Session):
    """Shows nobody what ~/.netrc of the server's user holds: the address is a client's."""

    def __init__(self, url: str) -> None:
        super().__init__()
        given = get_auth_from_url(url)
        self.auth = given if any(given) else _unchanged

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        """Another host is shown nothing; the one that was asked goes on with what the address held."""
        is_another_host: Any = self.should_strip_auth
        if is_another_host(response.request.url, prepared_request.url):
            prepared_request.headers.pop("Authorization", None)


def _unchanged(request: Any) -> Any:
    return request
