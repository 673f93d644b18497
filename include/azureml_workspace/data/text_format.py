"""How delimited text is read: separator and encoding, each under one name."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from hashlib import sha256

from azureml_workspace.data.header import check_separator
from azureml_workspace.errors import InvalidRequest

_PLAIN = (",", "utf-8")


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """How registered bytes are read as a table: part of what makes two versions the same."""

    separator: str = ","
    encoding: str = "utf-8"

    @classmethod
    def checked(cls, separator: str, encoding: str) -> TextFormat:
        r"""The format, each value under one name: `\t` in two characters is a tab, `UTF8` is `utf-8`.

        :raises InvalidRequest: the separator cannot be one (`check_separator`) or Python knows no such encoding.
        """
        separator = check_separator(separator)
        try:
            return cls(separator=separator, encoding=codecs.lookup(encoding).name)
        except (LookupError, ValueError) as error:
            raise InvalidRequest(
                f"encoding is {encoding!r}, which Python does not know; for example 'utf-8' or 'latin-1'."
            ) from error

    def storage_key(self, digest: str) -> str:
        """The folder of content `digest` read this way: the digest itself for plain CSV, else with a suffix."""
        if (self.separator, self.encoding) == _PLAIN:
            return digest
        suffix = sha256(f"{self.separator}\n{self.encoding}".encode()).hexdigest()[:8]
        return f"{digest}-{suffix}"
