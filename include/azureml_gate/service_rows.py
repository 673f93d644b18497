"""Holdout rows as a web service's contract wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azureml_endpoint.contract import Schema, ServiceContract
from azureml_gate.holdout import Holdout
from azureml_workspace.data.text_rows import typed_rows
from azureml_workspace.data.values import Scalar
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnKind, ColumnSchema

_KINDS: dict[str, ColumnKind] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "string": "string",
}


@dataclass(frozen=True, kw_only=True)
class TypedRows:
    """`rows` to send by their place in the holdout, and why the other places cannot be sent."""

    rows: Mapping[int, dict[str, Scalar]]
    refusals: Mapping[int, str]


def typed_for(contract: ServiceContract, holdout: Holdout) -> TypedRows:
    """The holdout's rows with the columns that the contract has, each value of the column's type.

    A contract that does not type its rows gets all columns, typed as the dataset's. A column that the holdout has not
    is left out; when no row may lack it, every row is refused.
    """
    wanted: Mapping[str, Schema] = contract.columns or {name: {} for name in holdout.kinds}
    count = len(holdout.labels)
    values: dict[str, Sequence[Scalar]] = {}
    refusals: dict[int, str] = {}
    for name, schema in wanted.items():
        if name not in holdout.columns:
            if name in contract.required_columns:
                refusals = dict.fromkeys(range(count), f"column {name!r}: the holdout has none") | refusals
            continue
        kind = _kind(schema, holdout.kinds[name])
        values[name], unfit = _typed(name, kind, holdout.columns[name])
        if _is_never_null(contract, schema):
            unfit |= {place: "null" for place, value in enumerate(values[name]) if value is None and place not in unfit}
        refusals = {place: f"column {name!r}: {text} is no {kind}" for place, text in unfit.items()} | refusals
    rows = {
        place: {name: column[place] for name, column in values.items()}
        for place in range(count)
        if place not in refusals
    }
    return TypedRows(rows=rows, refusals=refusals)


def contract_problems(challenger: ServiceContract, champion: ServiceContract) -> tuple[str, ...]:
    """Why requests that the champion answers would be refused by the challenger, judged by their columns.

    None when a contract does not type its rows.
    """
    if not challenger.columns or not champion.columns:
        return ()
    problems = []
    lacking = sorted(challenger.required_columns - set(champion.columns))
    if lacking:
        problems.append(f"it needs {', '.join(map(repr, lacking))}, which the champion's clients do not send")
    refused = sorted(champion.required_columns - set(challenger.columns))
    if refused:
        problems.append(f"it refuses {', '.join(map(repr, refused))}, which the champion's clients send")
    return tuple(problems)


def _kind(schema: Schema, of_dataset: ColumnKind) -> ColumnKind:
    """What the contract says; it has no type of its own for moments, which are texts in ISO 8601."""
    said: Any = schema.get("type")
    kind = _KINDS.get(said, of_dataset)
    return "datetime" if kind == "string" and of_dataset == "datetime" else kind


def _is_never_null(contract: ServiceContract, schema: Schema) -> bool:
    return bool(contract.columns) and not (schema.get("x-nullable") is True or schema.get("nullable") is True)


def _typed(name: str, kind: ColumnKind, texts: Sequence[str]) -> tuple[list[Scalar], dict[int, str]]:
    """The values, and the texts that cannot be of the kind by place."""
    column = ColumnSchema(name=name, kind=kind)
    try:
        return [row[name] for row in typed_rows((column,), [{name: text} for text in texts])], {}
    except InvalidRequest:
        values = {text: _single(column, text) for text in set(texts)}
    unfit = {place: repr(text[:40]) for place, text in enumerate(texts) if values[text] is _UNFIT}
    return [None if values[text] is _UNFIT else values[text] for text in texts], unfit


_UNFIT: Any = object()


def _single(column: ColumnSchema, text: str) -> Any:
    try:
        return typed_rows((column,), [{column.name: text}])[0][column.name]
    except InvalidRequest:
        return _UNFIT
