"""The web service that scores a batch: what it takes, in which order it names probabilities, and patience with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, cast

from azureml_batch.rows import ModelInputs
from azureml_endpoint.contract import ServiceContract
from azureml_endpoint.score import ScoringClient
from azureml_endpoint.wire import encode_request
from azureml_workspace.data.values import as_text
from azureml_workspace.errors import InvalidRequest, Throttled, Unauthorized, WorkspaceError
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import ColumnKind, WebService

PURPOSE = "batch"
ATTEMPTS = 6
LARGEST_BODY = 8 * 1000 * 1000
"""Of a request, in bytes; web services refuse 10 MB and more."""

_LONGEST_PAUSE_SECONDS = 30.0
_NAP_SECONDS = 0.5
_TYPES = frozenset({"integer", "number", "boolean"})


class BatchEndpoint:
    """Scores rows with one service as it is now. Close it, or use `with`.

    `classes` are those of the probabilities, in order; empty when nobody knows them: then rows are scored to labels.
    """

    def __init__(
        self,
        workspace: Workspace,
        service: WebService,
        key_of: Callable[[WebService], str | None],
        *,
        timeout: float = 60.0,
        stopped: Callable[[], None] = lambda: None,
    ) -> None:
        """`stopped` raises when the batch is to end. :raises EndpointError: the service does not answer."""
        self._service = service
        self._key_of = key_of
        self._timeout = timeout
        self._stopped = stopped
        contract = ServiceContract.fetch(
            service.scoring_uri, key_of(service), swagger_uri=service.swagger_uri, timeout=timeout
        )
        self.inputs = _inputs(contract) or _inputs_of_training(workspace, service)
        self.classes = tuple(map(as_text, contract.probability_classes)) or _classes_of_run(workspace, service)
        self._client = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def score(self, rows: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
        """An answer per row: probabilities, or labels when the classes are unknown.

        Asked again, with growing pauses, while the service is away or busy.

        :raises InvalidRequest: the service refuses the rows. :raises WorkspaceError: it stayed away.
        """
        if len(rows) > 1 and len(encode_request(rows)) > LARGEST_BODY:
            half = len(rows) // 2
            return self.score(rows[:half]) + self.score(rows[half:])
        answers = self._patiently(rows)
        if self.classes and any(len(answer) != len(self.classes) for answer in answers):
            raise InvalidRequest(
                f"web service {self._service.name} gives {len(answers[0])} probabilities for {len(self.classes)} "
                "classes; deploy the model again."
            )
        return answers

    def _patiently(self, rows: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
        for attempt in range(1, ATTEMPTS + 1):
            self._stopped()
            try:
                return self._client.score(rows, "predict_proba" if self.classes else "predict").result
            except WorkspaceError as error:
                key_is_old = isinstance(error, Unauthorized) and attempt == 1
                if attempt == ATTEMPTS or not (error.retryable or key_is_old):
                    raise
                if key_is_old:  # it may have been regenerated since
                    self._client.close()
                    self._client = self._open()
                    continue
                asked = error.retry_after if isinstance(error, Throttled) else None
                self._pause(min(asked or 2.0 ** (attempt - 1), _LONGEST_PAUSE_SECONDS))
        raise AssertionError("the last attempt returns or raises")

    def _open(self) -> ScoringClient:
        return ScoringClient(self._service.scoring_uri, self._key_of(self._service), self._timeout, purpose=PURPOSE)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stopped()
            time.sleep(min(left, _NAP_SECONDS))


def _inputs(contract: ServiceContract) -> ModelInputs | None:
    """What the service's own document says; None when it does not type the rows."""
    if not contract.columns:
        return None
    kinds = {name: _kind(schema) for name, schema in contract.columns.items()}
    return ModelInputs(kinds=kinds, required=contract.required_columns)


def _kind(schema: dict[str, Any]) -> ColumnKind:
    if schema.get("format") in ("date-time", "date"):
        return "datetime"
    given = schema.get("type")
    return cast("ColumnKind", given) if given in _TYPES else "string"


def _inputs_of_training(workspace: Workspace, service: WebService) -> ModelInputs:
    """The columns of the model's training data but its label. :raises InvalidRequest: nobody knows them."""
    tags = workspace.get_model(service.model_name, service.model_version).tags
    name, version, label = tags.get("dataset", ""), tags.get("dataset_version", ""), tags.get("label", "")
    if not name or not version.isdigit():
        raise InvalidRequest(
            f"web service {service.name} does not say which columns it takes, and its model was not trained by a task "
            "that wrote its dataset into its tags; deploy a model of AzureMLAutoMLRunOperator."
        )
    columns = workspace.get_dataset(name, int(version)).columns
    kinds = {column.name: column.kind for column in columns if column.name != label}
    return ModelInputs(kinds=kinds, required=frozenset(kinds))


def _classes_of_run(workspace: Workspace, service: WebService) -> tuple[str, ...]:
    """The classes of the run that the model came from, empty when it came from none that can be read."""
    model = workspace.get_model(service.model_name, service.model_version)
    if not model.run_id:
        return ()
    try:
        return workspace.automl_result(model.run_id).classes
    except WorkspaceError as error:
        if error.retryable:
            raise
        return ()
