"""What the tasks that change a live service share: who they are, how they change it, and which decision they obey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._dag_runs import name_of_run
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_gate.decision import DecisionRecord
    from azureml_workspace.protocol import Workspace


def owner_of(context: Context) -> str:
    """The task, the same for each of its tries: `dag_id/run_id/task_id`, and the index of a mapped one."""
    ti = context["ti"]
    mapped = f"[{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
    return f"{name_of_run(context)}/{ti.task_id}{mapped}"


def person_of(context: Context) -> str:
    """Who triggered the DAG run, with its name; the DAG run alone when nobody did."""
    dag_run = context.get("dag_run")
    name = None if dag_run is None else dag_run.triggering_user_name
    return f"{name} ({name_of_run(context)})" if name else name_of_run(context)


def decision_path(gate: Any) -> str:
    """The gate task's output, or the path of a decision. :raises InvalidRequest:"""
    if isinstance(gate, Mapping):
        if "decision" not in gate:
            raise InvalidRequest(
                f"gate is a mapping without 'decision' (it has {', '.join(map(str, gate)) or 'nothing'}); "
                "pass the `.output` of the gate task, or the path of a decision."
            )
        gate = gate["decision"]
    path = arguments.text("gate", gate)
    if not path.startswith("decisions/"):
        raise InvalidRequest(f"gate is {path!r}; pass the `.output` of the gate task, or a path decisions/SERVICE/ID.")
    return path


def read_decision(workspace: Workspace, gate: Any) -> DecisionRecord:
    """The decision that the gate task made. :raises InvalidRequest: :raises NotFound:"""
    from azureml_gate import store

    return store.read_decision(workspace, decision_path(gate))


def seconds(name: str, minutes: Any) -> float:
    """A time given in minutes. :raises InvalidRequest: it is below 0."""
    value = arguments.number(name, minutes)
    if value < 0:
        raise InvalidRequest(f"{name} is {value:g}; give a time of 0 or more.")
    return value * 60
