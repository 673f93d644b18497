"""The bearer token of the local server, given as a value or as the file the server keeps it in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from azureml_workspace.errors import ServiceUnavailable, Unauthorized


class BearerToken:
    """Reads the token when first needed, and again on `renew()`: a server set up anew has a new one."""

    def __init__(self, *, token: str | None, token_file: str | None, on_secret: Callable[[str], None]) -> None:
        self._value = token
        self._file = Path(token_file).expanduser() if token_file else None
        self._on_secret = on_secret
        if token:
            on_secret(token)

    def __repr__(self) -> str:
        return f"BearerToken(file={str(self._file)!r})" if self._file else "BearerToken(value)"

    def get(self) -> str:
        """The token.

        :raises Unauthorized: none was given, or the file cannot be read.
        :raises ServiceUnavailable: the file is not there yet, so the server was never started.
        """
        if self._value is None:
            self._value = self._read()
            self._on_secret(self._value)
        return self._value

    def renew(self) -> bool:
        """Read the file again. Whether that gave another token than the one before."""
        if self._file is None:
            return False
        before, self._value = self._value, None
        return self.get() != before

    def _read(self) -> str:
        if self._file is None:
            raise Unauthorized("no token for the local Azure ML server: set token or token_file.")
        try:
            text = self._file.read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise ServiceUnavailable(
                f"token file {self._file} does not exist; the server writes it on its first start: "
                "`python -m azureml_local serve`."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise Unauthorized(f"token file {self._file} cannot be read ({type(error).__name__}).") from error
        if not text:
            raise Unauthorized(f"token file {self._file} is empty; restart the server to write it anew.")
        return text
