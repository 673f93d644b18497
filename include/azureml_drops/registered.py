"""What became of a drop that was to be registered, as a result and as an event of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from azureml_drops.contents import accepted_content
from azureml_drops.ledger import DropEvent, DropRecord, DropStatus, now
from azureml_drops.validation_report import ValidationReport
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.records import DatasetVersion, Record

MOST_REASON = 1_000
"""Characters of a reason that the ledger keeps; the report has them all."""


class DropQuarantined(WorkspaceError):
    """Validation refused the drop; the message has the reasons and says where the report is."""


@dataclass(frozen=True, kw_only=True)
class RegisteredDrop(Record):
    """What became of a drop: `status` is registered, duplicate or quarantined.

    `version` and `rows` are of the dataset version that holds it, None and 0 when none does. `duplicate_of` is the key
    of the drop that owns this content, empty for none. `report` is the path of the validation report, empty when there
    is none.
    """

    dataset: str
    key: str
    status: DropStatus
    fingerprint: str
    version: int | None = None
    rows: int = 0
    replaces: int | None = None
    duplicate_of: str = ""
    report: str = ""
    reason: str = ""

    @classmethod
    def of(
        cls,
        dataset: str,
        key: str,
        event: DropEvent,
        version: DatasetVersion | None,
        *,
        duplicate_of: str = "",
        reason: str = "",
    ) -> Self:
        """What an event says; `version` holds the content, `reason` is longer than the ledger's."""
        return cls(
            dataset=dataset,
            key=key,
            status=event.status,
            fingerprint=event.fingerprint,
            version=None if version is None else version.version,
            rows=0 if version is None else version.rows,
            replaces=event.replaces,
            duplicate_of=duplicate_of,
            report=event.document,
            reason=reason or event.reason,
        )


def version_with(versions: Sequence[DatasetVersion], fingerprint: str) -> DatasetVersion | None:
    """The version that holds this content, None when none does."""
    return next((version for version in versions if version.fingerprint == fingerprint), None)


def duplicate_event(fingerprint: str, other: str, version: DatasetVersion | None, by: str) -> DropEvent:
    """The content is that of drop `other`, which `version` holds (None: not yet)."""
    return DropEvent(
        status=DropStatus.DUPLICATE,
        at=now(),
        fingerprint=fingerprint,
        dataset_version=None if version is None else version.version,
        reason=f"It holds the content of drop {other}.",
        by=by,
    )


def quarantine_event(report: ValidationReport, by: str) -> DropEvent:
    """Validation refused it."""
    return DropEvent(
        status=DropStatus.QUARANTINED,
        at=now(),
        fingerprint=report.fingerprint,
        document=report.path,
        reason=short_reason(report.reason),
        by=by,
    )


def says_the_same(event: DropEvent, record: DropRecord) -> bool:
    """Whether a record tells already what `event` is to tell, whoever it was that did it.

    What was accepted stays so, whatever became of its model since; other events count only as the last one, and for
    the same reason.
    """
    is_accepted = event.status is DropStatus.REGISTERED
    told = accepted_content(record) if is_accepted else record.latest
    if told is None or (told.status, told.fingerprint) != (event.status, event.fingerprint):
        return False
    return is_accepted or told.reason == event.reason


def short_reason(text: str) -> str:
    """`text` as far as the ledger keeps it."""
    return text if len(text) <= MOST_REASON else f"{text[: MOST_REASON - 3]}..."
