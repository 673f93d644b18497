"""A client that goes on asking a web service, from its first answer on, and counts what was no answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from azureml_endpoint.score import ScoringClient
from azureml_workspace.errors import NotFound, WorkspaceError
from azureml_workspace.protocol import Workspace
from azureml_workspace.statuses import ServiceState

_PAUSE_SECONDS = 0.05


class ContinuousClient:
    """Use it with `with`. `answered` counts requests that got labels, `failures` tells of all others."""

    def __init__(self, workspace: Workspace, service: str, rows: Sequence[dict[str, Any]]) -> None:
        self._workspace, self._service, self._rows = workspace, service, rows
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answered = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        uri = self._await_service()
        if uri is None:
            return
        key = self._workspace.service_keys(self._service).primary
        with ScoringClient(uri, key, timeout=30) as client:
            while not self._stopping.wait(_PAUSE_SECONDS):
                self._ask(client)

    def _ask(self, client: ScoringClient) -> None:
        try:
            answer = client.score(self._rows)
        except WorkspaceError as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            return
        if set(answer.result) <= {"yes", "no"}:
            self.answered += 1
        else:
            self.failures.append(f"answered {answer.result}")

    def _await_service(self) -> str | None:
        """Its address once it is healthy for the first time; None when that was not waited for to its end."""
        while not self._stopping.is_set():
            try:
                service = self._workspace.get_service(self._service)
                if service.state is ServiceState.HEALTHY:
                    return service.scoring_uri
            except (NotFound, WorkspaceError):
                pass
            time.sleep(0.2)
        return None
