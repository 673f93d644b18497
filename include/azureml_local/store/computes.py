"""Compute targets: names for how many runs may execute at once on this machine."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from azureml_local.store.database import Database
from azureml_local.store.schema import ComputeRow
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import ComputeTarget, validate_compute_name
from azureml_workspace.records.base import LARGEST_INTEGER


class ComputeStore:
    """The compute targets of this workspace. A new workspace has none; `ensure` makes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, target: ComputeTarget) -> ComputeTarget:
        """The target of that name as it is, else as described. :raises InvalidRequest: name or sizes are not valid."""
        validate_compute_name(target.name)
        if not 1 <= target.max_nodes <= LARGEST_INTEGER or not 0 <= target.min_nodes <= target.max_nodes:
            raise InvalidRequest(
                f"compute target {target.name!r} has min_nodes {target.min_nodes} and max_nodes {target.max_nodes}; "
                f"max_nodes must be between 1 and {LARGEST_INTEGER} and min_nodes between 0 and max_nodes."
            )
        if not 0 <= target.idle_seconds <= LARGEST_INTEGER:
            raise InvalidRequest(f"idle_seconds is {target.idle_seconds}; give 0 to {LARGEST_INTEGER}.")
        with self._database.write() as session:
            row = session.get(ComputeRow, target.name)
            if row is None:
                row = ComputeRow(
                    name=target.name,
                    vm_size=target.vm_size,
                    min_nodes=target.min_nodes,
                    max_nodes=target.max_nodes,
                    idle_seconds=target.idle_seconds,
                )
                session.add(row)
            return _record(row)

    def require(self, name: str) -> None:
        """:raises NotFound: there is no compute target of that name."""
        with self._database.read() as session:
            require_compute(session, name)

    def list_all(self) -> list[ComputeTarget]:
        """All of them, by name."""
        with self._database.read() as session:
            return [_record(row) for row in session.scalars(select(ComputeRow).order_by(ComputeRow.name))]


def require_compute(session: Session, name: str) -> None:
    """:raises NotFound: there is no compute target of that name."""
    if session.get(ComputeRow, name) is None:
        raise NotFound(f"there is no compute target {name!r}; create it first (ensure_compute), or name another.")


def _record(row: ComputeRow) -> ComputeTarget:
    return ComputeTarget(
        name=row.name,
        vm_size=row.vm_size,
        min_nodes=row.min_nodes,
        max_nodes=row.max_nodes,
        idle_seconds=row.idle_seconds,
    )
