"""What a web service served and serves: the champion history, `champions/{service}`.

Whoever changes the service holds its lease, writes what is about to be done (the *intent*) before the deployment, and
how it ended after it. So a process that dies in between leaves word of what it was at, and the next one who holds the
lease finishes that first (`azureml_gate.recovery`). Every write carries the lease's token, and one with an older token
than the last is refused.

The newest entries are in the document itself. When they become many, the older half moves to a page,
`champions/{service}.000001` and so on; a service's name has no dot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from azureml_gate.decision import Versioned
from azureml_gate.lease import LeaseLost
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.errors import Conflict
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record

MOST_ENTRIES = 200
"""In the document itself."""

LONGEST_REASON = 500
"""Characters of a reason."""


class ChampionAction(StrEnum):
    """How a model came to serve."""

    PROMOTED = "promoted"  # by the gate
    ROLLED_BACK = "rolled_back"  # by itself: the model after it failed its smoke test
    RESTORED = "restored"  # by a person who went back to it
    DEPLOYED = "deployed"  # by a task that did not ask the gate


@dataclass(frozen=True, kw_only=True)
class ChampionEntry(Record):
    """One change: the service serves `model` since then (None: there is no service), and served `previous` before.

    `decision` is the path of the decision behind it (for a person who went back, that of a promotion that this ended
    before its smoke test did), and `asked` that of the one that was to be carried out, when it
    had to be made anew. `by` is `dag_id/run_id`, or a person.
    """

    at: datetime
    action: ChampionAction
    model: Versioned | None
    previous: Versioned | None
    decision: str = ""
    asked: str = ""
    drop_dataset: str = ""
    drop_key: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Intent(Record):
    """A change that has begun: `model` is to replace `previous` (None: there is no service yet).

    `failure` is empty until the new model is found not to work; from then on `previous` is being put back. Rows for the
    smoke test come from `holdout`, without its `label`. The rest is as in `ChampionEntry`.
    """

    at: datetime
    action: ChampionAction
    model: Versioned
    previous: Versioned | None
    failure: str = ""
    holdout: Versioned | None = None
    label: str = ""
    decision: str = ""
    asked: str = ""
    drop_dataset: str = ""
    drop_key: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ChampionHistory(Record):
    """The newest entries in order, how many `pages` of older ones there are, and what is under way.

    `token` is that of the lease under which it was written last.
    """

    service: str
    entries: tuple[ChampionEntry, ...] = ()
    pages: int = 0
    pending: Intent | None = None
    token: int = 0

    def of_decision(self, path: str) -> ChampionEntry | None:
        """How the decision was carried out, None when it was not; the first time, if there are several."""
        return next((entry for entry in self.entries if path and path in {entry.decision, entry.asked}), None)

    def before(self, model: Versioned) -> Versioned | None:
        """The champion before `model` became it, by a promotion or a deployment: where a rollback goes to.

        A deployment of what is served already, as for another size, has none before it.
        """
        came = (ChampionAction.PROMOTED, ChampionAction.DEPLOYED)
        entries = [
            entry for entry in self.entries if entry.action in came and entry.model == model and entry.previous != model
        ]
        return entries[-1].previous if entries else None


def history_path(service: str) -> str:
    """Where it is kept."""
    return f"champions/{service}"


def page_path(service: str, page: int) -> str:
    """Where a page of older entries is kept; pages count from 1, the oldest."""
    return f"champions/{service}.{page:06d}"


def read_history(workspace: Workspace, service: str) -> ChampionHistory:
    """The history; an empty one when nothing was promoted yet."""
    found = find_document(workspace, history_path(service))
    return ChampionHistory(service=service) if found is None else ChampionHistory.from_dict(found.content)


def read_all_entries(workspace: Workspace, service: str) -> list[ChampionEntry]:
    """Every entry there ever was, the oldest first."""
    history = read_history(workspace, service)
    older = [
        entry
        for page in range(1, history.pages + 1)
        for entry in ChampionHistory.from_dict(workspace.read_document(page_path(service, page)).content).entries
    ]
    return [*older, *history.entries]


class HistoryWriter:
    """Writes the history of one service under a lease with that token."""

    def __init__(self, workspace: Workspace, service: str, token: int) -> None:
        self._workspace = workspace
        self._service = service
        self._token = token

    def begin(self, intent: Intent) -> ChampionHistory:
        """Say what is about to be done, or, with a `failure`, undone. :raises LeaseLost:"""
        return self._write(lambda history: replace(history, pending=intent))

    def drop(self) -> ChampionHistory:
        """What was about to be done is not done: the service is as if it had never begun. :raises LeaseLost:"""
        return self._write(lambda history: replace(history, pending=None))

    def finish(self, entry: ChampionEntry) -> ChampionHistory:
        """Say how it ended; the same again changes nothing. :raises LeaseLost:"""
        entry = replace(entry, reason=entry.reason[:LONGEST_REASON])

        def ended(history: ChampionHistory) -> ChampionHistory:
            entries = history.entries if entry in history.entries[-1:] else (*history.entries, entry)
            return replace(history, entries=entries, pending=None)

        history = self._write(ended)
        return history if len(history.entries) <= MOST_ENTRIES else self._turn_page(history)

    def _turn_page(self, history: ChampionHistory) -> ChampionHistory:
        """Written first and taken out of the document then, so dying in between loses nothing and doubles nothing."""
        page, older = history.pages + 1, history.entries[: MOST_ENTRIES // 2]
        content = ChampionHistory(service=self._service, entries=older, token=self._token).to_dict()
        path = page_path(self._service, page)
        try:
            self._workspace.write_document(path, content, expected=None)
        except Conflict:  # by one who died before taking them out
            self._workspace.write_document(path, content, expected=self._workspace.read_document(path).etag)
        return self._write(
            lambda now: now if now.pages >= page else replace(now, pages=page, entries=now.entries[len(older) :])
        )

    def _write(self, change: Callable[[ChampionHistory], ChampionHistory]) -> ChampionHistory:
        def changed(content: dict[str, Any] | None) -> dict[str, Any]:
            history = ChampionHistory(service=self._service) if content is None else ChampionHistory.from_dict(content)
            if history.token > self._token:
                raise LeaseLost(
                    f"the champion history of {self._service} was written under a newer lease than this one, which was "
                    "lost meanwhile; nothing was changed."
                )
            return replace(change(history), token=self._token).to_dict()

        stored = update_document(self._workspace, history_path(self._service), changed)
        if stored is None:
            raise AssertionError("there is a content, so there is a document")
        return ChampionHistory.from_dict(stored.content)
