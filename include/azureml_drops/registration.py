"""From a drop that is there to a dataset version, or to the reason why there is none.

What is remembered is written in an order that bears a crash between any two steps: the report, whose content it is, the
version, the ledger. Whoever comes again finds what is there and does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from azureml_drops.baseline import KEY_TAG, choose_baseline, fetch_baseline
from azureml_drops.contents import accepted_content, other_owner, own_content
from azureml_drops.drop_settings import DropSettings
from azureml_drops.fetching import fetch_drop
from azureml_drops.finding import FoundDrop
from azureml_drops.ledger import DropEvent, DropRecord, DropStatus, note_seen, note_unless, now, read_drop
from azureml_drops.registered import (
    RegisteredDrop,
    duplicate_event,
    quarantine_event,
    says_the_same,
    short_reason,
    version_with,
)
from azureml_drops.storage import DropStorage
from azureml_drops.validation_report import Baseline, ValidationReport, read_report, report_path, store_report
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetSource, DatasetVersion


@dataclass(frozen=True, kw_only=True)
class _Content:
    """A drop's content on disk, and what is known of it. `folder` has room for what is made of it."""

    found: FoundDrop
    path: Path
    fingerprint: str
    folder: Path
    record: DropRecord | None
    accepted: DropEvent | None
    versions: list[DatasetVersion]
    version: DatasetVersion | None

    @property
    def key(self) -> str:
        return self.found.key

    @property
    def is_registered(self) -> bool:
        """Whether this very content is what the ledger says that the drop holds, and still a dataset version."""
        return self.version is not None and self._is_held(self.accepted)

    def was_accepted_since(self, record: DropRecord) -> bool:
        """Whether another run registered this very content after this one had read the ledger."""
        return self._is_held(accepted_content(record)) and not self._is_held(self.accepted)

    def _is_held(self, accepted: DropEvent | None) -> bool:
        return (
            accepted is not None
            and accepted.status is DropStatus.REGISTERED
            and accepted.fingerprint == self.fingerprint
        )


@dataclass(frozen=True, kw_only=True)
class Registrar:
    """Registers the drops of one dataset.

    :param by: who does it, as `dag_id/run_id`.
    :param accept_refused: register what validation refuses too; the report stays as it is, and the version's tag
        `drop_accepted` tells.
    """

    workspace: Workspace
    storage: DropStorage
    settings: DropSettings
    by: str
    accept_refused: bool = False

    def register(self, found: FoundDrop, versions: list[DatasetVersion] | None = None) -> RegisteredDrop:
        """Fetch the drop; register what is new and good. For a content that was settled before, nothing is written.

        :param versions: those of the dataset, for who registers many drops in a row: to list thousands of them for
            each would take longer than all else. What is new is added.
        :raises InvalidRequest: it cannot be fetched, see `fetch_drop`.
        """
        with TemporaryDirectory(prefix="azureml-drop-") as folder:
            content = self._fetch(found, Path(folder), versions)
            done = self._settle(content)
        if versions is not None and all(version.version != done.version for version in versions):
            self._add_version(done, versions)
        note_seen(self.workspace, self.settings.dataset, found.key, found.content_state, content.fingerprint)
        return done

    def _settle(self, content: _Content) -> RegisteredDrop:
        if content.is_registered and content.accepted is not None:
            return self._outcome(content, content.accepted, content.version)
        if (owner := self._other_owner(content)) is not None:
            return self._duplicate(content, owner)
        report = self._report(content)
        if report is not None and not report.accepted and not self.accept_refused:
            return self._quarantine(content, report)
        owner = own_content(self.workspace, self.settings.dataset, content.key, content.fingerprint)
        return self._register(content, report) if owner is None else self._duplicate(content, owner)

    def _fetch(self, found: FoundDrop, folder: Path, versions: list[DatasetVersion] | None) -> _Content:
        settings = self.settings
        fetched = fetch_drop(
            settings.parsed,
            found,
            self.storage,
            folder,
            limits=settings.limits,
            separator=settings.separator,
            encoding=settings.encoding,
        )
        record = read_drop(self.workspace, settings.dataset, found.key)
        accepted = accepted_content(record)
        if versions is None or (accepted is not None and version_with(versions, fetched.fingerprint) is None):
            # What another run accepted since is a version that it made since.
            versions = self.workspace.list_dataset_versions(settings.dataset)
        return _Content(
            found=found,
            path=Path(fetched.path),
            fingerprint=fetched.fingerprint,
            folder=folder,
            record=record,
            accepted=accepted,
            versions=versions,
            version=version_with(versions, fetched.fingerprint),
        )

    def _add_version(self, done: RegisteredDrop, versions: list[DatasetVersion]) -> None:
        if done.version is not None:
            versions.append(self.workspace.get_dataset(self.settings.dataset, done.version))

    def _other_owner(self, content: _Content) -> str | None:
        return other_owner(self.workspace, self.settings.dataset, content.key, content.fingerprint)

    def _duplicate(self, content: _Content, owner: str) -> RegisteredDrop:
        event = duplicate_event(content.fingerprint, owner, content.version, self.by)
        return self._outcome(content, self._noted(content, event), content.version, duplicate_of=owner)

    def _quarantine(self, content: _Content, report: ValidationReport) -> RegisteredDrop:
        """Refused, unless another run accepted this very content meanwhile: it had another baseline, or none yet."""
        event = quarantine_event(report, self.by)
        dataset = self.settings.dataset
        record = note_unless(
            self.workspace,
            dataset,
            content.key,
            event,
            lambda record: content.was_accepted_since(record) or says_the_same(event, record),
        )
        accepted = accepted_content(record)
        if accepted is not None and content.was_accepted_since(record):
            version = version_with(self.workspace.list_dataset_versions(dataset), content.fingerprint)
            return self._outcome(content, accepted, version)
        return self._outcome(content, event, None, reason=report.reason)

    def _report(self, content: _Content) -> ValidationReport | None:
        """The report on this content, made anew unless nothing that it depends on has changed.

        None for a content that is registered under this key, which an earlier run did not live to note.
        """
        settings = self.settings
        if content.version is not None and content.version.tags.get(KEY_TAG) == content.key:
            return None
        baseline = choose_baseline(content.versions, content.key)
        known = read_report(self.workspace, settings.dataset, content.key, content.fingerprint)
        if known is not None and known.settings == settings.validation and known.baseline == baseline:
            return known
        report = self._validate(content, baseline)
        store_report(self.workspace, report)
        return report

    def _validate(self, content: _Content, baseline: Baseline | None) -> ValidationReport:
        from azureml_drops.drop_data import read_drop_data  # takes Arrow and SciPy: not worth the parse of every DAG
        from azureml_drops.validation import refused_unread, validate

        settings, typed, before = self.settings, content.folder / "typed", content.folder / "baseline"
        typed.mkdir()
        before.mkdir()
        what = {"dataset": settings.dataset, "key": content.key, "fingerprint": content.fingerprint}
        try:
            data = read_drop_data(
                content.path, typed, separator=settings.separator, encoding=settings.encoding, label=settings.label
            )
        except InvalidRequest as error:
            return refused_unread(str(error), settings.validation, baseline=baseline, **what)
        compared = (
            None
            if baseline is None
            else fetch_baseline(self.workspace, settings.dataset, baseline, before, label=settings.label)
        )
        return validate(data, compared, settings.validation, label=settings.label, **what)

    def _register(self, content: _Content, report: ValidationReport | None) -> RegisteredDrop:
        settings = self.settings
        replaces = None if content.accepted is None else content.accepted.dataset_version
        tags = {KEY_TAG: content.key, "drop_source": content.found.path}
        if replaces is not None:
            tags["drop_replaces"] = str(replaces)
        reason = ""
        if report is not None and not report.accepted:
            tags["drop_accepted"] = "by hand"
            reason = short_reason(f"Accepted by hand, though validation says: {report.reason}")
        source = DatasetSource(path=str(content.path), separator=settings.separator, encoding=settings.encoding)
        version = self.workspace.register_dataset(settings.dataset, source, tags=tags)
        event = DropEvent(
            status=DropStatus.REGISTERED,
            at=now(),
            fingerprint=content.fingerprint,
            dataset_version=version.version,
            replaces=replaces,
            document=report_path(settings.dataset, content.key, content.fingerprint),
            reason=reason,
            by=self.by,
        )
        return self._outcome(content, self._noted(content, event), version)

    def _noted(self, content: _Content, event: DropEvent) -> DropEvent:
        note_unless(
            self.workspace,
            self.settings.dataset,
            content.key,
            event,
            lambda record: says_the_same(event, record),
        )
        return event

    def _outcome(
        self,
        content: _Content,
        event: DropEvent,
        version: DatasetVersion | None,
        *,
        duplicate_of: str = "",
        reason: str = "",
    ) -> RegisteredDrop:
        return RegisteredDrop.of(
            self.settings.dataset, content.key, event, version, duplicate_of=duplicate_of, reason=reason
        )


def note_missing(workspace: Workspace, settings: DropSettings, key: str, by: str) -> RegisteredDrop | None:
    """What to do about a drop that is not there: note that it is missing and give None; but when it was registered
    before, and its file was put away since, give what is registered."""
    accepted = accepted_content(read_drop(workspace, settings.dataset, key))
    if accepted is not None and accepted.status is DropStatus.REGISTERED and accepted.dataset_version is not None:
        version = workspace.get_dataset(settings.dataset, accepted.dataset_version)
        return RegisteredDrop.of(settings.dataset, key, accepted, version)
    reason = f"Nothing is at {settings.parsed.path_of(key)}."
    event = DropEvent(status=DropStatus.MISSING, at=now(), reason=reason, by=by)
    note_unless(workspace, settings.dataset, key, event, lambda record: says_the_same(event, record))
    return None
