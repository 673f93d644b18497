from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped, TaskAwaitingInput
from airflow.serialization.serialized_objects import DagSerialization
from tests.unit.airflow_azureml.conftest import NOW, TaskContext
from tests.unit.gate.memory_workspace import MemoryWorkspace

from airflow_azureml.operators.approve_promotion import AzureMLApprovePromotionOperator
from airflow_azureml.operators.promote_model import AzureMLPromoteModelOperator
from azureml_drops.ledger import DropStatus, read_drop
from azureml_gate.approval import NOBODY, read_approval
from azureml_gate.decision import Check, DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.store import store_decision
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.unit


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace that every hook opens."""
    connection = {"conn_type": "azureml", "host": "http://127.0.0.1:8790", "password": "token-0123456789"}
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", json.dumps(connection))
    workspace = cast("Workspace", MemoryWorkspace())
    monkeypatch.setattr("airflow_azureml.hook.open_workspace", lambda *_args, **_kwargs: workspace)
    return workspace


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Airflow is told to ask."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **question: asked.append(question)
    )
    return asked


def decided(workspace: Workspace, verdict: Verdict = Verdict.PROMOTE) -> DecisionRecord:
    request = GateRequest(
        service="svc",
        candidate_service="svc-c",
        challenger=Versioned(name="shop", version=2),
        holdout=Versioned(name="shop-holdout", version=1),
        label="y",
        drop_dataset="shop",
        drop_key="2026-01-02",
        by="drops/run-2",
    )
    check = Check(name="latency", outcome="passed", detail="fast|enough\nfor all", observed=1.23456, limit=None)
    made = DecisionRecord(
        decision_id="one",
        at=NOW,
        request=request,
        champion=None,
        verdict=verdict,
        reason="It is the first one.",
        checks=(check,),
    )
    return store_decision(workspace, made)


def ask(decision: DecisionRecord, context: TaskContext, **given: Any) -> tuple[AzureMLApprovePromotionOperator, Any]:
    task = AzureMLApprovePromotionOperator(task_id="approve", gate={"decision": decision.path}, **given)
    context["ti"].id = context["ti"].task_id
    context["task_instance"], context["task"] = context["ti"], task
    return task, context


def answer(option: str, user: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
    return {"chosen_options": [option], "params_input": params, "responded_at": NOW, "responded_by_user": user}


def test_the_question_holds_the_figures(
    memory: Workspace, context: TaskContext, questions: list[dict[str, Any]]
) -> None:
    task, context = ask(decided(memory), context, response_timeout=timedelta(hours=2))
    with pytest.raises(TaskAwaitingInput) as parked:
        task.execute(context)  # type: ignore[arg-type]
    assert parked.value.timeout == timedelta(hours=2)
    (question,) = questions
    assert question["subject"] == "Promote shop version 2 to svc?"
    assert question["defaults"] == ["Reject"]
    assert list(question["params"]) == ["note"]
    for words in (
        "It is the first one.",
        "Champion: none",
        "| latency | passed | 1.235 |  | fast\\|enough for all |",
        "`decisions/svc/one`",
        "drop `2026-01-02`",
    ):
        assert words in question["body"]


@pytest.mark.parametrize(("verdict", "required"), [(Verdict.PROMOTE, "False"), (Verdict.REJECT, True)])
def test_nobody_is_asked_for_nothing(
    memory: Workspace, context: TaskContext, questions: list[dict[str, Any]], verdict: Verdict, required: Any
) -> None:
    task, context = ask(decided(memory, verdict), context, require_approval=required)
    assert task.execute(context) == {  # type: ignore[arg-type]
        "decision": "decisions/svc/one",
        "asked": False,
        "approved": verdict is Verdict.PROMOTE,
        "by": "",
        "note": "",
    }
    assert questions == []


def test_an_approval_is_kept(memory: Workspace, context: TaskContext) -> None:
    decision = decided(memory)
    task, context = ask(decision, context)
    made = task.execute_complete(context, answer("Approve", {"id": "7", "name": "ann"}, note="as agreed"))  # type: ignore[arg-type]
    assert made == {
        "decision": decision.path,
        "asked": True,
        "approved": True,
        "by": "ann",
        "note": "as agreed",
    }
    kept = read_approval(memory, decision)
    assert kept is not None
    assert (kept.approved, kept.by, kept.at, kept.note) == (True, "ann", NOW, "as agreed")


def test_a_rejection_is_kept_before_airflow_skips_what_follows(memory: Workspace, context: TaskContext) -> None:
    decision = decided(memory)
    with DAG("d", schedule=None, params={"label": Param("y", type="string")}):
        task, context = ask(decision, context)
        promote = AzureMLPromoteModelOperator(task_id="promote", gate=decision.path)
        task >> promote
    with pytest.raises(DownstreamTasksSkipped):
        task.execute_complete(context, answer("Reject"))  # type: ignore[arg-type]
    kept = read_approval(memory, decision)
    assert kept is not None
    assert (kept.approved, kept.by) == (False, NOBODY)
    assert context.xcom["return_value"]["approved"] is False
    drop = read_drop(memory, "shop", "2026-01-02")
    assert drop is not None
    assert (drop.latest.status, drop.latest.reason) == (DropStatus.REJECTED, "rejected by nobody in time")


def test_another_decision_than_the_one_that_airflow_shows_is_not_asked_about(
    memory: Workspace, context: TaskContext, questions: list[dict[str, Any]]
) -> None:
    """Airflow keeps the text of a task's first question when the task is cleared."""
    first = decided(memory)
    second = store_decision(memory, replace(first, decision_id="two", champion=Versioned(name="shop", version=1)))
    for _ in range(2):
        task, context = ask(first, context)
        with pytest.raises(TaskAwaitingInput):
            task.execute(context)  # type: ignore[arg-type]
    task, context = ask(second, context)
    with pytest.raises(AirflowFailException, match="would show the figures of decisions/svc/one, about which this"):
        task.execute(context)  # type: ignore[arg-type]
    assert len(questions) == 2


def test_an_answer_is_to_what_was_shown_although_the_gate_has_decided_anew_meanwhile(
    memory: Workspace, context: TaskContext, questions: list[dict[str, Any]]
) -> None:
    first = decided(memory)
    second = store_decision(memory, replace(first, decision_id="two", champion=Versioned(name="shop", version=1)))
    task, context = ask(first, context)
    with pytest.raises(TaskAwaitingInput):
        task.execute(context)  # type: ignore[arg-type]
    task, context = ask(second, context)
    made = task.execute_complete(context, answer("Approve", {"id": "7", "name": "ann"}, note=""))  # type: ignore[arg-type]
    assert made["decision"] == first.path
    assert read_approval(memory, first) is not None
    assert read_approval(memory, second) is None


def test_a_dag_with_it_is_serialized(memory: Workspace) -> None:
    with DAG("d", schedule=None, params={"label": Param("y", type="string")}) as dag:
        AzureMLApprovePromotionOperator(task_id="approve", gate="{{ params.label }}")
    assert DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag)))).task_dict


@pytest.mark.parametrize(
    ("gate", "error", "words"),
    [
        (None, InvalidRequest, "gate is None"),
        ({"verdict": "promote"}, InvalidRequest, "gate is a mapping without 'decision'"),
        ("svc", InvalidRequest, "gate is 'svc'; pass the `.output` of the gate task"),
        ("decisions/svc/none", NotFound, "decisions/svc/none"),
    ],
)
def test_what_is_no_decision(
    memory: Workspace, context: TaskContext, gate: Any, error: type[Exception], words: str
) -> None:
    task = AzureMLApprovePromotionOperator(task_id="approve", gate=gate)
    with pytest.raises(error, match=words):
        task.execute(context)  # type: ignore[arg-type]
