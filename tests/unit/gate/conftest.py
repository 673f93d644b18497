"""A service in memory, models of drops, and a smoke test that some versions fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from tests.unit.gate.memory_workspace import NOW, MemoryWorkspace

from azureml_drops.ledger import DropEvent, DropStatus, note, read_drop
from azureml_endpoint.smoke import Check, SmokeReport
from azureml_gate.decision import DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.history import ChampionHistory, read_history
from azureml_gate.live_service import LiveService, RolloutSettings
from azureml_gate.promotion import Promotion, promote
from azureml_gate.restoring import restore
from azureml_workspace.protocol import Workspace

SERVICE = "svc"
HOLDOUT = Versioned(name="shop-holdout", version=3)


def model(version: int) -> Versioned:
    return Versioned(name="shop", version=version)


def no_new_decision(_decision: DecisionRecord) -> DecisionRecord:
    raise AssertionError("nothing had to be decided anew")


@dataclass
class Gate:
    """What a test does: models of drops, decisions, promotions."""

    memory: MemoryWorkspace
    bad: set[int] = field(default_factory=set)
    smoked: list[tuple[int, list[dict[str, Any]]]] = field(default_factory=list)
    silences: int = 0
    """As many smoke tests find that the service does not answer."""

    @property
    def workspace(self) -> Workspace:
        return cast("Workspace", self.memory)

    @property
    def served(self) -> int | None:
        found = self.memory.services.get(SERVICE)
        return None if found is None else found.model_version

    @property
    def history(self) -> ChampionHistory:
        return read_history(self.workspace, SERVICE)

    def story(self) -> list[tuple[str, int | None]]:
        return [(str(entry.action), entry.model and entry.model.version) for entry in self.history.entries]

    def trained(self, version: int) -> Versioned:
        """A model of the drop `d<version>`."""
        key = f"d{version}"
        self.memory.models["shop", version] = {"drop_dataset": "shop", "drop_key": key}
        event = DropEvent(
            status=DropStatus.TRAINED, at=NOW, fingerprint=f"sha256:{version}", model_name="shop", model_version=version
        )
        note(self.workspace, "shop", key, event)
        return model(version)

    def outcomes(self, version: int) -> list[DropStatus]:
        record = read_drop(self.workspace, "shop", f"d{version}")
        assert record is not None
        assert {event.fingerprint for event in record.events} == {f"sha256:{version}"}
        return [event.status for event in record.events]

    def decision(self, challenger: int, champion: int | None, **given: Any) -> DecisionRecord:
        request = GateRequest(
            service=SERVICE,
            candidate_service=f"svc-{challenger}",
            challenger=model(challenger),
            holdout=HOLDOUT,
            label="y",
            drop_dataset="shop",
            drop_key=f"d{challenger}",
            by=f"drops/run-{challenger}",
        )
        made = DecisionRecord(
            decision_id=f"{challenger}-over-{champion}",
            at=NOW,
            request=request,
            champion=None if champion is None else model(champion),
            verdict=Verdict.PROMOTE,
            reason="it is better",
        )
        return replace(made, **given)

    def live(self, **settings: Any) -> LiveService:
        patience = {"poll": 0.001, "outage": 0.0}
        return LiveService(self.workspace, SERVICE, RolloutSettings(**(patience | settings)))

    def promote(
        self,
        decision: DecisionRecord,
        decide_anew: Callable[[DecisionRecord], DecisionRecord] = no_new_decision,
        **given: Any,
    ) -> Promotion:
        settings = given.pop("settings", {})
        return promote(
            self.workspace,
            decision,
            service=self.live(**settings),
            owner=f"{decision.request.by}/promote",
            decide_anew=decide_anew,
            wait_seconds=0.0,
            **given,
        )

    def restore(self, to_version: int | None = None, *, run: str = "rollback/1", **given: Any) -> Any:
        return restore(
            self.workspace,
            service=self.live(),
            owner=run,
            by=given.pop("by", "ann"),
            reason="clients complain",
            to_version=to_version,
            wait_seconds=0.0,
            **given,
        )

    def kill_at(self, write: int, *, after: bool) -> None:
        self.memory.writes = 0
        self.memory.dies_before, self.memory.dies_after = (None, write) if after else (write, None)

    def live_again(self) -> None:
        self.memory.dies_before = self.memory.dies_after = None


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(MemoryWorkspace())

    def smoke_check(_uri: str, _key: str | None, rows: list[dict[str, Any]], **_given: Any) -> SmokeReport:
        version = gate.served or 0
        gate.smoked.append((version, rows))
        is_silent, gate.silences = gate.silences > 0, max(gate.silences - 1, 0)
        passed = version not in gate.bad and not is_silent
        check = Check(name="score", passed=passed, detail=f"version {version}")
        return SmokeReport(labels=(), latency_ms=1.0, checks=(check,), scored=1, passed=passed, unavailable=is_silent)

    monkeypatch.setattr("azureml_endpoint.smoke.smoke_check", smoke_check)
    for version in range(1, 6):
        gate.trained(version)
    gate.memory.rows = [{"x": 1, "y": None}, {"x": 2, "y": "no"}, {"x": 3, "y": "yes"}]
    return gate
