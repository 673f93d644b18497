"""Change what a web service serves, so that dying at any step leaves something that the next one can finish.

The steps: write the intent; deploy; smoke-test; note it in the drop's ledger; write how it ended. A model that does not
come up or fails its smoke test is replaced by the one before it, or removed when it was the first.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from azureml_drops.ledger import DropStatus
from azureml_gate.decision import Versioned
from azureml_gate.history import ChampionAction, ChampionEntry, HistoryWriter, Intent, history_path, read_history
from azureml_gate.lease import Lease
from azureml_gate.live_service import LiveService, problem_of, shown
from azureml_gate.outcomes import note_outcome
from azureml_workspace.errors import NotFound, ServiceUnavailable
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import WebService

logger = logging.getLogger(__name__)


class RollbackFailed(ServiceUnavailable):
    """The former model could not be put back; the history says that it is to be, so another try goes on with that."""


class Rollout:
    """Changes of one service by the holder of its lease."""

    def __init__(self, workspace: Workspace, service: LiveService, lease: Lease) -> None:
        self._workspace = workspace
        self._service = service
        self._lease = lease
        self._history = HistoryWriter(workspace, service.name, lease.token)

    def carry_out(self, intent: Intent, live: WebService | None) -> ChampionEntry:
        """Make the change and say how it ended. `live` is the settled service as it is.

        :raises RollbackFailed: :raises LeaseLost: :raises Stopped:
        :raises ServiceUnavailable: it could not be finished now; the next one finishes it.
        """
        self._history.begin(intent)
        logger.info("%s: %s replaces %s.", self._service.name, words(intent.model), words(intent.previous))
        self._lease.confirm()
        found, problem = self._service.deploy(intent.model, live)
        return self._conclude(intent, found, problem)

    def finish_pending(self) -> None:
        """Finish what somebody began who died: test a model that is live by now, go on putting the former one back, or
        drop what never came to be.

        :raises ServiceUnavailable: as `carry_out`.
        """
        pending = read_history(self._workspace, self._service.name).pending
        if pending is None:
            return
        live = self._service.settled()
        is_back = bool(pending.failure) and shown(live) == pending.previous
        if shown(live) != pending.model and not is_back:
            logger.info("%s: %s by %s never came to be.", self._service.name, words(pending.model), pending.by)
            self._history.drop()
            return
        logger.info("%s: finishing what %s began at %s.", self._service.name, pending.by, pending.at)
        self._conclude(pending, live, pending.failure or problem_of(live, pending.model))

    def _conclude(self, intent: Intent, live: WebService | None, problem: str) -> ChampionEntry:
        """Test what is live, go back when it does not work, write down how it ended."""
        if not problem and live is not None:
            problem = self._service.smoke(live, intent.holdout, intent.label)
        entry = self._ended(intent) if not problem else self._go_back(intent, live, problem)
        self._lease.confirm()
        self._note_in_ledger(entry)  # first: once the intent is gone, nobody else would do it for a dead process
        self._history.finish(entry)
        return entry

    def _go_back(self, intent: Intent, live: WebService | None, problem: str) -> ChampionEntry:
        logger.warning("%s: %s; back to %s.", self._service.name, problem, words(intent.previous))
        self._history.begin(replace(intent, failure=problem))
        self._lease.confirm()
        if intent.previous is None:
            self._service.remove()
        else:
            _, still = self._service.deploy(intent.previous, live)
            if still:
                raise RollbackFailed(
                    f"web service {self._service.name} does not work with {words(intent.model)} ({problem}), and "
                    f"{words(intent.previous)} could not be put back: {still}. Another try goes on with that; or go "
                    "back to another version by hand (AzureMLRollbackOperator with to_version)."
                )
        return self._ended(intent, problem)

    def _ended(self, intent: Intent, problem: str = "") -> ChampionEntry:
        entry = ChampionEntry(
            at=datetime.now(UTC),
            action=intent.action,
            model=intent.model,
            previous=intent.previous,
            decision=intent.decision,
            asked=intent.asked,
            drop_dataset=intent.drop_dataset,
            drop_key=intent.drop_key,
            by=intent.by,
            reason=intent.reason,
        )
        if not problem:
            return entry
        back = replace(
            entry, action=ChampionAction.ROLLED_BACK, model=intent.previous, previous=intent.model, reason=problem
        )
        # A person who could not go back has ended no promotion.
        return replace(back, decision="") if intent.action is ChampionAction.RESTORED else back

    def _note_in_ledger(self, entry: ChampionEntry) -> None:
        """What it means for the drop that the model is of; when a person went back, for those of both models."""
        if entry.action is ChampionAction.PROMOTED and entry.model is not None:
            self._note(DropStatus.PROMOTED, entry, entry.model, entry.drop_dataset, entry.drop_key)
        elif entry.action is ChampionAction.ROLLED_BACK and entry.previous is not None:
            self._note(DropStatus.ROLLED_BACK, entry, entry.previous, entry.drop_dataset, entry.drop_key)
        elif entry.action is ChampionAction.RESTORED and entry.model is not None and entry.previous is not None:
            self._note(DropStatus.PROMOTED, entry, entry.model, entry.drop_dataset, entry.drop_key)
            with suppress(NotFound):  # removed from the registry since
                dataset, key = drop_of(self._workspace, entry.previous)
                self._note(DropStatus.ROLLED_BACK, entry, entry.previous, dataset, key)

    def _note(self, status: DropStatus, entry: ChampionEntry, model: Versioned, dataset: str, key: str) -> None:
        document = entry.decision or history_path(self._service.name)
        note_outcome(
            self._workspace,
            status,
            dataset=dataset,
            key=key,
            model=model,
            document=document,
            reason=entry.reason,
            by=entry.by,
        )


def drop_of(workspace: Workspace, model: Versioned) -> tuple[str, str]:
    """Dataset and key of the newest drop that the model was trained on; empty texts for one of no drop.

    :raises NotFound: no such model version.
    """
    tags = workspace.get_model(model.name, model.version).tags
    return tags.get("drop_dataset", ""), tags.get("drop_key", "")


def words(model: Versioned | None) -> str:
    """A model for a person."""
    return "nothing" if model is None else f"{model.name} version {model.version}"
