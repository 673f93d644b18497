"""The rows that a service is asked to score: given, from a dataset, or the example of the service's own contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import Reference, dataset_reference
from azureml_workspace.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import WebService

_SPARE = 4
"""Read that many times the rows wanted: those without a label are passed over."""

_MOST_ROWS = 10_000
"""What a web service takes in one request."""


@dataclass(frozen=True, kw_only=True)
class RowSource:
    """Where the rows come from. With neither `rows` nor `dataset` they are the contract's example."""

    rows: tuple[dict[str, Any], ...]
    dataset: Reference | None
    label: str | None
    count: int

    @classmethod
    def of(cls, *, rows: Any, dataset: Any, label_column_name: Any, count: Any) -> RowSource:
        """From rendered arguments. :raises InvalidRequest: they contradict each other or make no sense."""
        given = arguments.rows("rows", rows)
        label = arguments.optional(arguments.text, "label_column_name", label_column_name)
        number = arguments.integer("row_count", count)
        if given and not arguments.is_absent(dataset):
            raise InvalidRequest("rows and dataset are both given; give one of them.")
        if not 1 <= number <= _MOST_ROWS:
            raise InvalidRequest(f"row_count is {number}; give 1 to {_MOST_ROWS} rows.")
        reference = None if arguments.is_absent(dataset) else dataset_reference(dataset, None)
        if reference and not label:
            raise InvalidRequest(
                "dataset is given without label_column_name; the label must not be sent to the service."
            )
        return cls(rows=tuple(given), dataset=reference, label=label, count=number)

    def read(self, workspace: Workspace, service: WebService, key: str | None) -> list[dict[str, Any]]:
        """The rows, without the label. :raises NotFound: there are none."""
        if self.rows:
            return list(self.rows)
        if self.dataset is not None:
            return self._from_dataset(workspace, self.dataset)
        from azureml_endpoint.contract import ServiceContract

        contract = ServiceContract.fetch(service.scoring_uri, key, swagger_uri=service.swagger_uri)
        rows = list(contract.sample_rows())
        if not rows:
            raise NotFound(f"the contract of {service.name} has no example rows; give rows or a dataset.")
        return rows[: self.count]

    def _from_dataset(self, workspace: Workspace, reference: Reference) -> list[dict[str, Any]]:
        dataset = workspace.get_dataset(reference.name, reference.version)
        found = workspace.take_rows(dataset.name, dataset.version, min(self.count * _SPARE, _MOST_ROWS))
        rows = [
            {column: value for column, value in row.items() if column != self.label}
            for row in found
            if row.get(self.label or "") is not None
        ]
        if not rows:
            raise NotFound(f"dataset {dataset.name} version {dataset.version} has no row with a {self.label!r}.")
        return rows[: self.count]
