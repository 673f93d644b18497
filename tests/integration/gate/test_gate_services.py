"""Services that do not take the same rows, do not know the same classes, or do not work: what the gate makes of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.integration.endpoint.scripted_service import CLOSE, reply, running
from tests.integration.gate.rule_service import KEY, RuleService
from tests.unit.gate.memory_workspace import NOW, MemoryWorkspace, service_of

from azureml_endpoint.errors import EndpointUnavailable
from azureml_gate.decide import decide
from azureml_gate.decision import DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.settings import GateSettings
from azureml_workspace.errors import Conflict, NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import AutoMLResult, ColumnSchema, DatasetFile, DatasetVersion, DeploySettings
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.integration

QUICK: dict[str, Any] = {"requests": 10, "concurrency": 1, "bootstrap_samples": 200, "max_p95_ratio": None}
NUMBER, NULLABLE = {"type": "number"}, {"type": "number", "x-nullable": True}


def good(row: dict[str, Any]) -> dict[str, float]:
    yes = min(max((row.get("x") or 0) / 100, 0.01), 0.99)
    return {"no": 1 - yes, "yes": yes}


def poor(row: dict[str, Any]) -> dict[str, float]:
    return {"no": 0.6, "yes": 0.4} if (row.get("x") or 0) % 2 < 1 else {"no": 0.4, "yes": 0.6}


class World(MemoryWorkspace):
    """With a holdout, and services that answer."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__()
        self._folder, self._stack = folder, stack
        self.lines: list[str] = []
        self.schema: tuple[ColumnSchema, ...] = ()
        chance = random.Random(1)
        self.hold(["x,z,y", *(self._row(chance) for _ in range(200))], x="number", z="number", y="string")

    @staticmethod
    def _row(chance: random.Random) -> str:
        x = round(chance.uniform(0, 100), 1)
        return f"{x},{chance.randint(0, 9)},{'yes' if x + chance.gauss(0, 15) > 50 else 'no'}"

    def hold(self, lines: list[str], **kinds: Any) -> None:
        self.lines = lines
        self.schema = tuple(ColumnSchema(name=name, kind=kind) for name, kind in kinds.items())

    def get_dataset(self, name: str, version: int | None = None) -> DatasetVersion:
        return DatasetVersion(
            name=name,
            version=version or 1,
            fingerprint="",
            rows=len(self.lines) - 1,
            columns=self.schema,
            created_at=NOW,
            profile_uri="",
        )

    def download_dataset(self, name: str, version: int, folder: Path) -> DatasetFile:
        path = folder / f"{name}.csv"
        path.write_text("\n".join(self.lines) + "\n")
        return DatasetFile(path=str(path), separator=",", encoding="utf-8")

    def automl_result(self, run_id: str) -> AutoMLResult:
        raise NotFound("no AutoML run")

    def serve(self, name: str, version: int, service: RuleService, key: str = "") -> None:
        running_service = self._stack.enter_context(running(service))
        self.models["m", version] = {"drop_key": key, "drop_dataset": "shop", "dataset_fingerprint": str(version)}
        deployed = service_of(DeploySettings(service_name=name, model_name="m", model_version=version))
        origin = running_service.origin
        self.services[name] = replace(deployed, scoring_uri=f"{origin}/score", swagger_uri=f"{origin}/swagger.json")

    def decide(self, **settings: Any) -> DecisionRecord:
        request = GateRequest(
            service="live",
            candidate_service="candidate",
            challenger=Versioned(name="m", version=2),
            holdout=Versioned(name="shop-holdout", version=1),
            label="y",
            settings=GateSettings(**QUICK | settings),
        )
        return decide(cast("Workspace", self), request, key_of=lambda _service: KEY)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for pause in (
        "service_scores._FIRST_PAUSE_SECONDS",
        "evaluation._SMOKE_PAUSE_SECONDS",
        "contestants._POLL_SECONDS",
    ):
        monkeypatch.setattr(f"azureml_gate.{pause}", 0.01)
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def failed(record: DecisionRecord) -> list[str]:
    return [check.name for check in record.checks if check.outcome == "failed"]


def test_a_candidate_that_needs_a_column_that_clients_do_not_send_is_rejected_unless_told_to(world: World) -> None:
    world.serve("live", 1, RuleService(poor, {"x": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(good, {"x": NUMBER, "z": NUMBER}), "2026-01-02")
    record = world.decide()
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["contract"])
    assert "it needs 'z', which the champion's clients do not send" in record.reason
    assert world.decide(allow_contract_change=True).verdict is Verdict.PROMOTE


def test_a_champion_that_takes_no_row_of_the_holdout_is_compared_with_nothing(world: World) -> None:
    world.serve("live", 1, RuleService(poor, {"x": NUMBER, "gone": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(good, {"x": NUMBER}), "2026-01-02")
    record = world.decide()
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["contract", "holdout_size"])
    allowed = world.decide(allow_contract_change=True, min_metric=0.7)
    assert (allowed.verdict, allowed.comparison) == (Verdict.PROMOTE, None), allowed.reason
    assert any("nothing to compare with" in warning for warning in allowed.warnings)
    assert allowed.champion_figures is not None
    assert allowed.champion_figures.refused_rows == 200
    assert allowed.champion_figures.refusals[0] == "row 1, column 'gone': the holdout has none"


def test_both_are_compared_on_the_rows_that_both_take(world: World) -> None:
    world.hold([*world.lines[:151], *(f",{place % 10},no" for place in range(50))], x="number", z="number", y="string")
    champion, challenger = RuleService(poor, {"x": NUMBER}), RuleService(good, {"x": NULLABLE})
    world.serve("live", 1, champion, "2026-01-01")
    world.serve("candidate", 2, challenger, "2026-01-02")
    record = world.decide()
    assert record.verdict is Verdict.PROMOTE, record.reason
    assert record.holdout is not None
    assert (record.holdout.rows, record.holdout.compared) == (200, 150)
    world.services["live"], world.services["candidate"] = (
        replace(world.services["candidate"], name="live", model_version=1),
        replace(world.services["live"], name="candidate", model_version=2),
    )
    refused = world.decide(bootstrap_samples=300)
    assert "rows_taken" in failed(refused)
    assert "refuses 50 of 200 holdout rows" in refused.reason


def test_a_label_that_the_champion_does_not_know_is_said_and_counts_as_wrong(world: World) -> None:
    lines = [line.replace("yes", "maybe") if place % 3 == 0 else line for place, line in enumerate(world.lines)]
    world.hold(lines, x="number", z="number", y="string")

    def knows_all(row: dict[str, Any]) -> dict[str, float]:
        odds = good(row)
        return {"maybe": odds["yes"] / 3, "no": odds["no"], "yes": odds["yes"] * 2 / 3}

    world.serve("live", 1, RuleService(good, {"x": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(knows_all, {"x": NUMBER}, says_classes=False), "2026-01-02")
    with pytest.raises(Exception, match="neither its contract nor its model's AutoML run says of which classes"):
        world.decide()
    world.serve("candidate", 2, RuleService(knows_all, {"x": NUMBER}), "2026-01-02")
    record = world.decide(cohort_tolerance=None)
    assert any("The champion does not know 'maybe', the label of" in warning for warning in record.warnings)
    assert record.challenger_figures is not None
    assert record.challenger_figures.classes == ("maybe", "no", "yes")


def test_classes_that_nobody_says_are_shown_by_the_labels(world: World) -> None:
    def turned_round(row: dict[str, Any]) -> dict[str, float]:
        odds = good(row)
        return {"yes": odds["yes"], "no": odds["no"]}

    world.serve("live", 1, RuleService(good, {"x": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(turned_round, {"x": NUMBER}, says_classes=False), "2026-01-02")
    record = world.decide()
    assert record.verdict is Verdict.PROMOTE, record.reason
    assert record.challenger_figures is not None
    assert record.challenger_figures.classes == ("yes", "no")
    assert record.comparison is not None
    assert record.comparison.difference == 0.0


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (reply(500, {"error": {"message": "the model broke"}}), "the model broke"),
        (reply(body={"result": ["yes", "no"]}), "a list of numbers was expected"),
        (reply(body={"error": "no such column"}), "no such column"),
    ],
)
def test_a_candidate_that_does_not_work_is_rejected_by_its_smoke_test(world: World, broken: bytes, words: str) -> None:
    world.serve("live", 1, RuleService(good, {"x": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(good, {"x": NUMBER}, broken=broken), "2026-01-02")
    record = world.decide()
    assert (record.verdict, failed(record)) == (Verdict.REJECT, ["smoke"])
    assert words in record.reason


def test_a_candidate_that_is_gone_decides_nothing(world: World) -> None:
    world.serve("candidate", 2, RuleService(good, {"x": NUMBER}), "2026-01-02")
    with running(lambda _seen: CLOSE) as gone:
        uri = f"{gone.origin}/score"
    world.services["candidate"] = replace(world.services["candidate"], scoring_uri=uri, swagger_uri=uri)
    with pytest.raises(EndpointUnavailable):
        world.decide()
    assert world.documents == {}


def test_a_failed_live_service_has_no_champion_and_an_unhealthy_one_may_have(world: World) -> None:
    world.serve("live", 1, RuleService(poor, {"x": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(good, {"x": NUMBER}), "2026-01-02")
    live = world.services["live"]
    world.services["live"] = replace(live, state=ServiceState.FAILED, error="no memory")
    record = world.decide()
    assert (record.verdict, record.champion) == (Verdict.PROMOTE, None)
    assert "there is no champion: no memory" in record.warnings[0]
    world.services["live"] = replace(live, state=ServiceState.UNHEALTHY, error="the last change failed")
    record = world.decide()
    assert record.champion == Versioned(name="m", version=1)
    assert "may not be the one that answers: the last change failed" in record.warnings[0]


def test_a_service_that_is_being_changed_is_waited_for(world: World) -> None:
    world.serve("live", 1, RuleService(poor, {"x": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(good, {"x": NUMBER}), "2026-01-02")
    for name in ("live", "candidate"):
        world.transitions[name] = world.services[name]
        world.services[name] = replace(world.services[name], state=ServiceState.TRANSITIONING)
    assert world.decide().champion == Versioned(name="m", version=1)
    world.services["candidate"] = replace(world.services["candidate"], state=ServiceState.FAILED, error="no image")
    with pytest.raises(Conflict, match="candidate service candidate is Failed: no image"):
        world.decide(seed=43)


def test_the_champions_key_and_rows_do_not_get_into_the_record(world: World) -> None:
    world.serve("live", 1, RuleService(good, {"x": NUMBER}), "2026-01-01")
    world.serve("candidate", 2, RuleService(good, {"x": NUMBER}), "2026-01-02")
    record = world.decide()
    assert KEY not in str(world.documents)
    assert record.path in world.documents
