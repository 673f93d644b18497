"""Look which drops are there that nobody has brought to an end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._drop_storage import storage_of
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.scan_results import DropScanResult, PendingDropResult
from azureml_drops.finding import find_drops
from azureml_drops.pattern import DropPattern
from azureml_drops.pending import LedgerView
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import validate_dataset_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_drops.finding import FoundDrop

MOST_STARTED = 500
"""Below Airflow's `[core] max_map_length`, 1024 by default."""

_ASKED_AT_ONCE = 100
_LEDGER_THREADS = 8


class AzureMLScanDropsOperator(AzureMLBaseOperator):
    """Find the drops that are pending: there is no end of their present content in the ledger, see `LedgerView`.

    A drop whose file was written again is pending again, and the DAG run for it finds out whether its content is
    another. Changes nothing. Returns a `DropScanResult`.

    :param drops: where the drops are: a path or URI with `{date}`, `{date:%Y%m%d}` or `{key}` in it; with a slash at
        the end, a drop is a folder of CSV files.
    :param name: name of the dataset that the drops are versions of.
    :param run_dag_id: the DAG that works on a drop: pending drops that have a run of it are counted and not returned.
    :param source_conn_id: connection for an object storage URI (default: the storage's own default).
    :param settle_seconds: a drop with a file that was written within so many seconds is not there yet (default 10).
    :param max_drops: return so many at most, those with the lowest keys (default and most 500).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "drops",
        "name",
        "run_dag_id",
        "source_conn_id",
        "settle_seconds",
        "max_drops",
    )

    def __init__(
        self,
        *,
        drops: str,
        name: str,
        run_dag_id: str,
        source_conn_id: str | None = None,
        settle_seconds: float | str = 10,
        max_drops: int | str = MOST_STARTED,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.drops = drops
        self.name = name
        self.run_dag_id = run_dag_id
        self.source_conn_id = source_conn_id
        self.settle_seconds = settle_seconds
        self.max_drops = max_drops

    def perform(self, context: Context) -> DropScanResult:
        """List, compare with the ledger, and with the DAG runs that there are."""
        pattern = DropPattern.parse(arguments.text("drops", self.drops))
        name = arguments.text("name", self.name)
        validate_dataset_name(name)
        dag_id = arguments.text("run_dag_id", self.run_dag_id)
        conn_id = arguments.optional(arguments.text, "source_conn_id", self.source_conn_id)
        settle_seconds = arguments.number("settle_seconds", self.settle_seconds)
        most = arguments.integer("max_drops", self.max_drops)
        if not 1 <= most <= MOST_STARTED:
            raise InvalidRequest(f"max_drops is {most}; give 1 to {MOST_STARTED}.")
        found = find_drops(pattern, storage_of(pattern, conn_id), settle_seconds=settle_seconds)
        ledger = LedgerView(name)
        ledger.refresh(self.hook.workspace, [drop.key for drop in found], at_once=_LEDGER_THREADS)
        pending = [_pending(drop) for drop in ledger.pending(found)]
        new = list(_without_a_run(context, dag_id, pending))
        result = DropScanResult(
            dataset=name,
            drops=pattern.text,
            source_conn_id=conn_id,
            found=len(found),
            pending_count=len(pending),
            started_before=len(pending) - len(new),
            left=max(0, len(new) - most),
            pending=tuple(new[:most]),
        )
        self.log.info(
            "%d drops under %s, %d pending: %d have a run of %s, %d get one now, %d with a later scan.",
            result.found,
            result.drops,
            result.pending_count,
            result.started_before,
            dag_id,
            len(result.pending),
            result.left,
        )
        return result


def _pending(drop: FoundDrop) -> PendingDropResult:
    return PendingDropResult(
        key=drop.key,
        path=drop.path,
        bytes=drop.bytes,
        modified=drop.modified,
        content_state=drop.content_state,
        run_id=f"drop__{drop.key}__{drop.content_state}",
    )


def _without_a_run(context: Context, dag_id: str, drops: list[PendingDropResult]) -> Iterator[PendingDropResult]:
    """Those of which there is no DAG run by their name yet; Airflow is asked of many at once where it can be."""
    ti = context["ti"]
    for start in range(0, len(drops), _ASKED_AT_ONCE):
        some = drops[start : start + _ASKED_AT_ONCE]
        there = ti.get_dr_count(dag_id=dag_id, run_ids=[drop.run_id for drop in some])
        if there == 0:
            yield from some
        elif there < len(some):
            yield from (drop for drop in some if not ti.get_dr_count(dag_id=dag_id, run_ids=[drop.run_id]))
