"""A dataset: its versions and drops, what a version looks like, and how far it is from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.ui.charts import progress
from airflow_azureml.ui.views.documents import document_at, documents_below
from airflow_azureml.ui.views.kept import Kept
from airflow_azureml.ui.views.models import DROP_TAG
from airflow_azureml.ui.views.profile_drift import ColumnDrift, profile_drift
from azureml_drops.ledger import DropRecord
from azureml_drops.validation_report import ValidationReport, report_path
from azureml_workspace.data.profile import DataProfile
from azureml_workspace.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from airflow_azureml.ui.charts.chart import Chart
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import DatasetVersion

MOST_VERSIONS = 200
MOST_COLUMNS = 300

_PROFILES: Kept[DataProfile] = Kept(200)


@dataclass(frozen=True, kw_only=True)
class DataView:
    """All datasets, and the one that is looked at, with its `version` next to the version `against`.

    `drops` are in the order of their keys, the newest first, as `versions` are.
    """

    names: tuple[str, ...]
    name: str | None
    versions: tuple[DatasetVersion, ...] = ()
    versions_count: int = 0
    drops: tuple[DropRecord, ...] = ()
    version: DatasetVersion | None = None
    profile: DataProfile | None = None
    against: DatasetVersion | None = None
    drift: tuple[ColumnDrift, ...] = ()
    validation: ValidationReport | None = None
    charts: tuple[Chart, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, reading: Reading, name: str | None, version: int | None, against: int | None) -> DataView:
        """Ask the workspace; the first dataset, its latest version and the one before it when none is named.

        :raises NotFound: there is no such dataset or version. :raises WorkspaceError:
        """
        names = reading.need(lambda workspace: workspace.list_dataset_names())
        chosen = name if name is not None else next(iter(names), None)
        if chosen is None:
            return cls(names=(), name=None)
        found = sorted(
            reading.need(lambda workspace: workspace.list_dataset_versions(chosen)), key=lambda each: -each.version
        )
        if not found:
            raise NotFound(f"there is no dataset {chosen!r} that was registered from here.")
        looked_at = _named(found, version) or found[0]
        other = _named(found, against) or next((each for each in found if each.version < looked_at.version), None)
        profile = _profile(reading, looked_at)
        drift = _drift(reading, other, profile)
        validation = _validation(reading, looked_at)
        drops = documents_below(reading, f"drops/{chosen}", DropRecord, most=MOST_VERSIONS)
        return cls(
            names=tuple(names),
            name=chosen,
            versions=tuple(found[:MOST_VERSIONS]),
            versions_count=len(found),
            drops=tuple(sorted((drop for drop in drops if drop.events), key=lambda drop: drop.key, reverse=True)),
            version=looked_at,
            profile=profile,
            against=other,
            drift=drift,
            validation=validation,
            charts=_charts(found, drift, other, validation),
            missing=reading.missing,
        )


def _named(versions: list[DatasetVersion], version: int | None) -> DatasetVersion | None:
    """:raises NotFound: there is no version of that number."""
    if version is None:
        return None
    found = next((each for each in versions if each.version == version), None)
    if found is None:
        raise NotFound(f"dataset {versions[0].name!r} has no version {version}.")
    return found


def _profile(reading: Reading, version: DatasetVersion) -> DataProfile | None:
    """A version never changes, so its profile is read once."""
    key = (reading.source, version.name, version.version, version.fingerprint)
    kept = _PROFILES.get(key)
    if kept is not None:
        return kept

    def read(workspace: Workspace) -> DataProfile | None:
        try:
            return workspace.dataset_profile(version.name, version.version)
        except (NotFound, InvalidRequest):
            return None

    found = reading.part("profile", read)
    if found is not None:
        _PROFILES.keep(key, found)
    return found


def _drift(reading: Reading, other: DatasetVersion | None, profile: DataProfile | None) -> tuple[ColumnDrift, ...]:
    before = None if other is None or profile is None else _profile(reading, other)
    return () if before is None or profile is None else profile_drift(before, profile)


def _validation(reading: Reading, version: DatasetVersion) -> ValidationReport | None:
    key = version.tags.get(DROP_TAG)
    if not key:
        return None
    return document_at(reading, report_path(version.name, key, version.fingerprint), ValidationReport)


def _charts(
    versions: list[DatasetVersion],
    drift: tuple[ColumnDrift, ...],
    other: DatasetVersion | None,
    validation: ValidationReport | None,
) -> tuple[Chart, ...]:
    charts = []
    points: list[tuple[str, dict[str, float | None]]] = [
        (each.tags.get(DROP_TAG) or f"version {each.version}", {"rows": float(each.rows)})
        for each in reversed(versions[:MOST_VERSIONS])
    ]
    if len(points) > 1:
        charts.append(
            progress.series(
                points, names=("rows",), title="Rows of each version", x="Version", y="Rows", says="In their order."
            )
        )
    shifts = sorted(
        [(shift.column, shift.psi) for shift in (validation.shifts if validation else ()) if shift.psi is not None],
        key=lambda shift: -shift[1],
    )
    if shifts and validation is not None and validation.baseline is not None:
        says = f"From drop {validation.baseline.key} (version {validation.baseline.version}), measured on all rows."
        charts.append(progress.column_shifts(shifts, limit=None, says=says))
    moved = [(column.name, column.psi) for column in drift if column.psi is not None]
    if moved and not shifts and other is not None:
        says = f"From version {other.version}, estimated from the profiles of both; 0.25 is commonly called a shift."
        charts.append(progress.column_shifts(moved, limit=0.25, says=says))
    return tuple(charts)
