"""Holdout rows as a contract wants them, and what keeps a contract from the clients of another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azureml_endpoint.contract import ServiceContract
from azureml_gate.holdout import Holdout, label_text
from azureml_gate.service_rows import contract_problems, typed_for

pytestmark = pytest.mark.unit

UNTYPED = ServiceContract(document={}, title="", version="", input_schema={}, output_schema={})


def contract(required: list[str] | None = None, **columns: dict[str, Any]) -> ServiceContract:
    row = {
        "type": "object",
        "required": list(columns) if required is None else required,
        "properties": columns,
    }
    data = {"type": "array", "items": row}
    definitions = {"ServiceInput": {"type": "object", "properties": {"data": data}}, "ServiceOutput": {}}
    return ServiceContract.parse(json.dumps({"swagger": "2.0", "definitions": definitions}).encode())


def holdout() -> Holdout:
    return Holdout(
        columns={
            "age": ("31", "", "40.5"),
            "job": ("none", "", "007"),
            "paid": ("true", "False", "TRUE"),
            "at": ("2026-01-02", "2026-01-02 03:04:05", "2026-01-02T03:04:05+01:00"),
        },
        labels=("no", "yes", "no"),
        kinds={"age": "number", "job": "string", "paid": "boolean", "at": "datetime"},
        total=3,
        tags={},
    )


def test_values_are_of_the_types_of_the_contract_and_other_columns_are_left_out() -> None:
    found = typed_for(
        contract(age={"type": "number", "x-nullable": True}, job={"type": "string", "x-nullable": True}), holdout()
    )
    assert found.refusals == {}
    assert found.rows == {
        0: {"age": 31.0, "job": "none"},
        1: {"age": None, "job": None},
        2: {"age": 40.5, "job": "007"},
    }


def test_a_value_that_the_contract_does_not_take_is_refused_with_its_column() -> None:
    found = typed_for(contract(age={"type": "integer", "x-nullable": True}), holdout())
    assert found.rows == {0: {"age": 31}, 1: {"age": None}}
    assert found.refusals == {2: "column 'age': '40.5' is no integer"}


def test_a_null_where_training_saw_none_is_refused() -> None:
    found = typed_for(contract(age={"type": "number"}, job={"type": "string"}), holdout())
    assert sorted(found.rows) == [0, 2]
    assert found.refusals == {1: "column 'age': null is no number"}


def test_moments_stay_texts_in_iso_8601() -> None:
    found = typed_for(contract(at={"type": "string"}), holdout())
    assert [row["at"] for row in found.rows.values()] == [
        "2026-01-02T00:00:00",
        "2026-01-02T03:04:05",
        "2026-01-02T02:04:05",
    ]


def test_a_column_that_the_holdout_lacks_refuses_every_row_only_when_the_contract_needs_it() -> None:
    columns: dict[str, Any] = {"paid": {"type": "boolean"}, "colour": {"type": "string"}}
    assert typed_for(contract(["paid"], **columns), holdout()).rows[1] == {"paid": False}
    assert typed_for(contract(**columns), holdout()).refusals == dict.fromkeys(
        range(3), "column 'colour': the holdout has none"
    )


def test_without_a_typed_contract_rows_are_as_the_dataset_has_them() -> None:
    found = typed_for(UNTYPED, holdout())
    assert found.rows[0] == {"age": 31.0, "job": "none", "paid": True, "at": "2026-01-02T00:00:00"}


def test_a_column_that_clients_do_not_send_or_that_is_refused_is_a_problem() -> None:
    text = {"type": "string"}
    champion = contract(["age", "job"], age=text, job=text, id=text)
    assert contract_problems(contract(["age"], age=text, job=text), champion) == ()
    assert contract_problems(contract(age=text, job=text, income=text), champion) == (
        "it needs 'income', which the champion's clients do not send",
    )
    assert contract_problems(contract(age=text), champion) == ("it refuses 'job', which the champion's clients send",)
    assert contract_problems(UNTYPED, champion) == contract_problems(champion, UNTYPED) == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1"), (0.5, "0.5"), (True, "true"), (False, "false"), ("yes", "yes"), (-3, "-3")],
)
def test_a_label_has_one_text_however_it_is_written(value: object, text: str) -> None:
    assert label_text(value) == text
