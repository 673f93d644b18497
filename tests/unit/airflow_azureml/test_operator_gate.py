"""What the gate's operators refuse before anything is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext

from airflow_azureml._gate_arguments import GATE_FIELDS, gate_settings
from airflow_azureml.operators.deploy_candidate import AzureMLDeployCandidateOperator
from airflow_azureml.operators.gate import AzureMLGateOperator
from azureml_gate.candidate import candidate_name, is_candidate
from azureml_gate.settings import GateSettings
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import validate_service_name

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("clock")]

PREPARED = {
    "dataset": "shop",
    "drop_key": "2026-01-02",
    "training_key": "0123456789abcdef0123",
    "label": "y",
    "candidate_service": "svc-a-01234567",
    "holdout": {"name": "shop-holdout", "version": 3},
}


def gate(**given: Any) -> AzureMLGateOperator:
    return AzureMLGateOperator(
        task_id="gate", **({"candidate": "svc-c", "service": "svc-a", "prepared": PREPARED} | given)
    )


def test_the_operators_defaults_are_those_of_the_settings() -> None:
    assert set(GATE_FIELDS) == set(GateSettings().to_dict())
    assert gate_settings(gate()) == GateSettings()


def test_settings_may_be_texts_as_a_template_gives_them() -> None:
    given = gate(
        min_metric="0.8",
        cohort_columns="region, age",
        cohort_tolerance="None",
        max_p95_ratio="",
        allow_older="true",
        requests="300",
        rule="better",
    )
    assert gate_settings(given) == GateSettings(
        min_metric=0.8,
        cohort_columns=("region", "age"),
        cohort_tolerance=None,
        max_p95_ratio=None,
        allow_older=True,
        requests=300,
        rule="better",
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tolerance": "much"}, "tolerance is 'much'; give a finite number"),
        ({"rule": "best"}, "rule is 'best'"),
        ({"candidate": "svc-a"}, "candidate and service are both 'svc-a'"),
        ({"candidate": None}, "service is None: the task it comes from returned nothing"),
        ({"prepared": None}, "neither is given; give one of them"),
        ({"holdout": "d", "label_column_name": "y"}, "both are given; give one of them"),
        ({"prepared": None, "holdout": "d"}, "label_column_name is None"),
        ({"prepared": "text"}, "prepared is 'text'; pass the `.output` of the task that prepared"),
        ({"prepared": {"dataset": "shop"}}, "prepared['drop_key'] is None"),
    ],
)
def test_bad_arguments(workspace: FakeWorkspace, context: TaskContext, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        gate(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert workspace.names() == []


def test_a_candidate_is_named_by_its_training_unless_it_is_given_a_name(workspace: FakeWorkspace) -> None:
    operator = AzureMLDeployCandidateOperator(task_id="t", model="m", service="svc-a", prepared=PREPARED)
    assert operator.name_of_service() == "svc-a-01234567"
    given = AzureMLDeployCandidateOperator(task_id="t", model="m", service="svc-a", service_name="my-own")
    assert given.name_of_service() == "my-own"


@pytest.mark.parametrize("service", ["abc", "a" * 32, "bank-marketing-of-the-whole-world", "a-" * 15 + "b"])
def test_the_name_of_a_candidate_is_one_that_azure_takes(service: str) -> None:
    names = {candidate_name(service[:32], f"m:{version}") for version in range(50)}
    assert len(names) == 50
    for name in names:
        validate_service_name(name)


def test_a_service_with_the_tag_is_a_candidate(workspace: FakeWorkspace) -> None:
    service = workspace.get_service("svc-a")
    assert not is_candidate(service)
    assert is_candidate(replace(service, tags={"candidate_of": "svc-b"}))
