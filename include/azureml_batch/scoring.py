"""Score a file with the model that a web service serves, into one partition of that very model."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azureml_batch.endpoint import BatchEndpoint
from azureml_batch.manifest import BatchManifest, read_manifest, write_manifest
from azureml_batch.output import BatchOutput
from azureml_batch.partition import PartitionWriter
from azureml_batch.rows import Chunk, RowFile
from azureml_endpoint.errors import RowsRefused
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import WebService

logger = logging.getLogger(__name__)

MOST_RESTARTS = 5
_LOOK_EVERY_CHUNKS = 20


@dataclass(frozen=True, kw_only=True)
class BatchInput:
    """A file to score. `key` names the batch within the service, `source` says where it came from, without a secret.

    `fingerprint` is `sha256:` and the digest of the file.
    """

    path: Path
    key: str
    source: str
    fingerprint: str
    separator: str = ","
    encoding: str = "utf-8"
    id_columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BatchTools:
    """What scoring needs of its surroundings.

    `champion` gives the service once no deployment of it is under way, `key_of` its key, and `stopped` raises when the
    work is to end.
    """

    champion: Callable[[], WebService]
    key_of: Callable[[WebService], str | None]
    stopped: Callable[[], None] = lambda: None
    rows_per_request: int = 500
    timeout: float = 60.0
    by: str = ""


def partition_name(service: str, key: str) -> str:
    """The place of a batch below the output, in the form that Hive, Spark and pandas read as columns."""
    return f"service={service}/drop={key}/part-0.parquet"


def score_batch(
    workspace: Workspace, batch: BatchInput, output: BatchOutput, tools: BatchTools
) -> tuple[BatchManifest, bool]:
    """Score the file unless its partition is there already; gives the manifest, and whether anything was done.

    The same input and the same model make nothing anew. A service that takes another model while its answers are
    collected makes the work begin anew, for a partition is of one model version.

    :raises InvalidRequest: the file or one of its values cannot be scored; names row and column.
    :raises ServiceUnavailable: the service was away for too long, or changed its model again and again.
    """
    service = tools.champion()
    name = partition_name(service.name, batch.key)
    done = read_manifest(workspace, service.name, batch.key)
    for restarts in range(MOST_RESTARTS + 1):
        if done is not None and _is_done(done, batch, service, output, name):
            return done, False
        started = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="azureml-batch-") as folder:
            file = Path(folder) / "part-0.parquet"
            written = _write(workspace, batch, service, tools, file)
            if written is not None:
                output.put(file, name)
                rows, classes = written
                manifest = BatchManifest(
                    service=service.name,
                    key=batch.key,
                    source=batch.source,
                    fingerprint=batch.fingerprint,
                    model_name=service.model_name,
                    model_version=service.model_version,
                    rows=rows,
                    output=output.address(name),
                    output_bytes=file.stat().st_size,
                    id_columns=batch.id_columns,
                    classes=classes,
                    started_at=started,
                    finished_at=datetime.now(UTC),
                    restarts=restarts,
                    by=tools.by,
                )
                write_manifest(workspace, manifest)
                return manifest, True
        logger.warning("%s took another model while the batch was scored; beginning anew.", service.name)
        service = tools.champion()
    raise ServiceUnavailable(
        f"web service {service.name} took another model {MOST_RESTARTS + 1} times while batch {batch.key} was scored; "
        "try again when it is left alone."
    )


def _is_done(done: BatchManifest, batch: BatchInput, service: WebService, output: BatchOutput, name: str) -> bool:
    return (
        done.is_of(fingerprint=batch.fingerprint, output=output.address(name), id_columns=batch.id_columns)
        and (done.model_name, done.model_version) == (service.model_name, service.model_version)
        and output.size(name) == done.output_bytes
    )


def _write(
    workspace: Workspace, batch: BatchInput, service: WebService, tools: BatchTools, file: Path
) -> tuple[int, tuple[str, ...]] | None:
    """Rows and classes of what was written; None when the service has another model by now."""
    with BatchEndpoint(workspace, service, tools.key_of, timeout=tools.timeout, stopped=tools.stopped) as endpoint:
        rows = RowFile(
            batch.path,
            separator=batch.separator,
            encoding=batch.encoding,
            inputs=endpoint.inputs,
            id_columns=batch.id_columns,
        )
        model = (service.model_name, service.model_version)
        with PartitionWriter(file, id_columns=batch.id_columns, classes=endpoint.classes, model=model) as partition:
            for number, chunk in enumerate(rows.chunks(tools.rows_per_request), 1):
                partition.add(chunk, _answers(endpoint, service, chunk))
                if number % _LOOK_EVERY_CHUNKS == 0:
                    logger.info("%d of %d rows scored", chunk.first + len(chunk.rows) - 1, rows.rows)
                    if _state(workspace.get_service(service.name)) != _state(service):
                        return None
    # Settled first: a service may answer with the next model before it says that it has it.
    return (rows.rows, endpoint.classes) if _state(tools.champion()) == _state(service) else None


def _answers(endpoint: BatchEndpoint, service: WebService, chunk: Chunk) -> tuple[Any, ...]:
    try:
        return endpoint.score(chunk.rows)
    except RowsRefused as error:
        last = chunk.first + len(chunk.rows) - 1
        raise InvalidRequest(
            f"web service {service.name} refused rows {chunk.first} to {last} of the file, counted from 1: {error}"
        ) from error


def _state(service: WebService) -> tuple[object, ...]:
    return service.model_name, service.model_version, service.updated_at
