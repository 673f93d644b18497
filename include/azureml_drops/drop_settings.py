"""How the drops of one dataset are read and judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from azureml_drops.pattern import DropPattern
from azureml_drops.transfer import DownloadLimits
from azureml_drops.validation_settings import ValidationSettings
from azureml_workspace.data.header import check_separator
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record, validate_dataset_name


@dataclass(frozen=True, kw_only=True)
class DropSettings(Record):
    """Where the drops of `dataset` are and what is asked of them.

    `pattern` is the text of a `DropPattern`. Without a `label` (empty) nothing is asked of labels.
    """

    dataset: str
    pattern: str
    label: str = ""
    separator: str = ","
    encoding: str = "utf-8"
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    max_download_mb: float = 1024
    download_timeout: float = 300

    def validate(self) -> None:
        """:raises InvalidRequest: names the first value that cannot work."""
        validate_dataset_name(self.dataset)
        DropPattern.parse(self.pattern)
        check_separator(self.separator)
        self.validation.validate()
        for name in ("max_download_mb", "download_timeout"):
            if getattr(self, name) <= 0:
                raise InvalidRequest(f"{name} is {getattr(self, name):g}; give more than 0.")

    @property
    def parsed(self) -> DropPattern:
        """The pattern."""
        return DropPattern.parse(self.pattern)

    @property
    def limits(self) -> DownloadLimits:
        """How much may be fetched."""
        return DownloadLimits(max_bytes=int(self.max_download_mb * 1e6), seconds=self.download_timeout)
