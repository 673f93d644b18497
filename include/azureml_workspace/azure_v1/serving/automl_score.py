"""Entry script of an AutoML model on Azure: answers as the local web service does.

It runs in the container, with the environment that AutoML wrote for the model, and needs nothing else of this project.
Beside it lies `contract.json`: `{"columns": {name: {"dtype", "kind", "categories"}}}`, empty when nobody knew the
columns; `categories` are the values that training saw, missing for a column whose values are not counted.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

RESPONSE_FORMAT = os.environ.get("AIRFLOW_AZUREML_RESPONSE_FORMAT", "string")
SERVICE_NAME = os.environ.get("SERVICE_NAME", "")
KEEPS_INPUTS = (
    os.environ.get("AIRFLOW_AZUREML_COLLECT_INPUTS") == "true"
    and os.environ.get("AML_APP_INSIGHTS_ENABLED", "").lower() == "true"
)
"""What is printed goes into the container's log too, so nothing is while Application Insights is off."""
PURPOSE_HEADER = "x-azureml-purpose"
INPUT_BURST = 200
INPUTS_PER_SECOND = 1.0
INPUT_CHARACTERS = 30_000
"""Of the sample of inputs: rows at once, rows per second, and the longest row. Application Insights charges by the
gigabyte, and cuts off what is longer than 32,768 characters."""
MAX_ROWS = 10_000
METHODS = ("predict", "predict_proba")

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "string": (str,),
    "datetime": (str,),
}
_SWAGGER_TYPES = {"datetime": "string"}

model: Any = None
columns: dict[str, dict[str, Any]] = {}
categories: dict[str, frozenset[str]] = {}
allowance = float(INPUT_BURST)
refilled = time.monotonic()
allowance_lock = threading.Lock()


class Refused(Exception):
    """The request cannot be answered; the message names row (counted from 1) and column."""


def init() -> None:
    """Load the model, and tell the inference server what the service takes."""
    global model, columns, categories
    import joblib

    columns = json.loads((Path(__file__).parent / "contract.json").read_text())["columns"]
    categories = {name: frozenset(found["categories"]) for name, found in columns.items() if "categories" in found}
    found = sorted(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("model.pkl"))
    if not found:
        raise FileNotFoundError(f"no model.pkl in {os.environ['AZUREML_MODEL_DIR']}")
    model = joblib.load(found[0])
    if columns:
        publish_swagger(Path(os.environ.get("AML_APP_ROOT", "/var/azureml-app")))


def run(raw_data: str, request_headers: dict[str, str] | None = None) -> Any:
    """Answer the body of one request. Azure's inference server gives its headers to a parameter of that name."""
    try:
        rows, method = read_body(raw_data)
        unseen = check_rows(rows)
        result = score(rows, method)
    except Refused as refusal:
        return response({"error": {"code": "InvalidRequest", "message": str(refusal)}}, 400)
    # Goes to the traces of Application Insights, when that is on.
    print(f"airflow-azureml-scored {SERVICE_NAME} rows={len(rows)} unseen={unseen}")  # noqa: T201
    if KEEPS_INPUTS and is_of_client(request_headers):
        for row in sample(rows):
            print(f"airflow-azureml-input {SERVICE_NAME} {row}")  # noqa: T201
    answer = {"result": result}
    return response(answer if RESPONSE_FORMAT == "object" else json.dumps(answer), 200)


def is_of_client(headers: dict[str, str] | None) -> bool:
    """Whether it is no test's, gate's or batch's request, which name another purpose."""
    given = {name.lower(): value for name, value in (headers or {}).items()}
    return given.get(PURPOSE_HEADER, "") in ("", "client")


def sample(rows: list[dict[str, Any]]) -> list[str]:
    """Some of the rows, or all, or none, as JSON: as many as the allowance has left."""
    global allowance, refilled
    with allowance_lock:
        now = time.monotonic()
        allowance = min(float(INPUT_BURST), allowance + (now - refilled) * INPUTS_PER_SECOND)
        refilled = now
        count = min(len(rows), int(allowance))
        allowance -= count
    texts = [json.dumps(row, separators=(",", ":")) for row in random.sample(rows, count)]
    return [text for text in texts if len(text) <= INPUT_CHARACTERS]


def read_body(raw_data: str) -> tuple[list[dict[str, Any]], str]:
    """Rows and method of `{"data": [{column: value}], "method": "predict"}`. :raises Refused:"""
    try:
        body = json.loads(raw_data)
    except ValueError:
        raise Refused("the body is not JSON.") from None
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused('expected {"data": [{column: value, ...}, ...]}.')
    if not 1 <= len(rows) <= MAX_ROWS:
        raise Refused(f"data has {len(rows)} rows; send 1 to {MAX_ROWS}.")
    method = body.get("method", "predict")
    if method not in METHODS:
        raise Refused(f"method is {method!r}; choose one of {', '.join(METHODS)}.")
    return rows, method


def check_rows(rows: list[dict[str, Any]]) -> int:
    """How many values are of a category that training never saw. :raises Refused: a row that the model cannot take."""
    unseen = 0
    if not columns:
        return unseen
    for number, row in enumerate(rows, 1):
        for name in row.keys() - columns.keys():
            raise Refused(f"row {number} has a column {name!r} that the model does not know.")
        for name, column in columns.items():
            if name not in row:
                raise Refused(f"row {number} has no column {name!r}.")
            _check_value(number, name, column["kind"], row[name])
            unseen += name in categories and row[name] is not None and row[name] not in categories[name]
    return unseen


def _check_value(number: int, name: str, kind: str, value: Any) -> None:
    """:raises Refused:"""
    wanted = _JSON_TYPES[kind]
    if value is None or (isinstance(value, wanted) and (kind == "boolean" or not isinstance(value, bool))):
        return
    raise Refused(f"row {number}, column {name!r} is {json.dumps(value)[:60]}; expected {kind}.")


def score(rows: list[dict[str, Any]], method: str) -> list[Any]:
    """Labels, or one list of probabilities per row. :raises Refused: a value has not the column's type."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns) or None)
    for name, column in columns.items():
        if column["dtype"] == "bool" and frame[name].isna().any():  # pandas would make it False
            raise Refused(f"column {name!r} cannot be read as bool: a value is null.")
        try:
            frame[name] = frame[name].astype(column["dtype"])
        except (TypeError, ValueError) as error:
            raise Refused(f"column {name!r} cannot be read as {column['dtype']}: {error}") from None
    answer = model.predict_proba(frame) if method == "predict_proba" else model.predict(frame)
    plain: list[Any] = getattr(answer, "values", answer).tolist()
    return plain


def response(body: Any, status: int) -> Any:
    """The answer with a status of its own, which Azure's inference server wants in a class of its own."""
    try:
        from azureml_inference_server_http.api.aml_response import AMLResponse
    except ImportError:  # images from before that server
        from azureml.contrib.services.aml_response import AMLResponse
    return AMLResponse(body, status, json_str=True)


def publish_swagger(root: Path) -> None:
    """Write the typed document where the inference server looks for one; it makes an untyped one when there is none."""
    document = swagger()
    try:
        (root / "swagger.json").write_text(json.dumps(document))
    except OSError as error:
        print(f"the typed swagger.json cannot be written: {error}")  # noqa: T201


def swagger() -> dict[str, Any]:
    """Swagger 2.0 with the names that Azure uses."""
    properties = {
        name: {"type": _SWAGGER_TYPES.get(column["kind"], column["kind"]), "x-nullable": True}
        for name, column in columns.items()
    }
    row = {"type": "object", "properties": properties, "required": list(columns), "additionalProperties": False}
    service_input = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "array", "items": row},
            "method": {"type": "string", "enum": list(METHODS)},
        },
    }
    answer = {"type": "object", "properties": {"result": {"type": "array", "items": {}}}, "required": ["result"]}
    body = {"name": "serviceInputPayload", "in": "body", "required": True, "schema": _reference("ServiceInput")}
    operation = {
        "operationId": "RunMLService",
        "parameters": [body],
        "responses": {"200": {"description": "The labels", "schema": _reference("ServiceOutput")}},
    }
    return {
        "swagger": "2.0",
        "info": {"title": SERVICE_NAME, "version": "1.0"},
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": {"/score": {"post": operation}},
        "definitions": {
            "ServiceInput": service_input,
            "ServiceOutput": answer if RESPONSE_FORMAT == "object" else {"type": "string"},
        },
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}
