"""`GET /swagger.json`: Swagger 2.0 with the names Azure uses, typed from the model's signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from azureml_local.features.spec import InputColumn, ModelSignature
from azureml_local.scoring.decoder import MAX_ROWS
from azureml_local.scoring.labels import Label, label_values
from azureml_workspace.records import ColumnKind, ResponseFormat

_EXAMPLE_ROWS = 2

_TYPES: Mapping[ColumnKind, dict[str, str]] = {
    "integer": {"type": "integer", "format": "int64"},
    "number": {"type": "number", "format": "double"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "datetime": {"type": "string", "description": "ISO 8601 date or datetime; UTC when it names no offset"},
}

_REFUSED = {
    "400": "The body is refused; the message names row (counted from 1) and column.",
    "401": "No key, or a wrong one.",
    "413": "The body is above 10 MB.",
}


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """What a document says of every service."""

    service_name: str
    model_name: str
    model_version: int
    auth_enabled: bool


def build_swagger(
    served: ServedModel, *, signature: ModelSignature, sample_result: list[Label], response_format: ResponseFormat
) -> dict[str, Any]:
    """The document. `sample_result` is what the model answers for the signature's first sample rows."""
    output = _service_output(signature, sample_result[:_EXAMPLE_ROWS], response_format)
    return _document(served, f", predicts {signature.label_column}", _service_input(signature), output)


def build_script_swagger(served: ServedModel) -> dict[str, Any]:
    """The document of a script of somebody's own: only the script knows what it takes and gives."""
    anything: dict[str, Any] = {"type": "object", "example": {}}
    return _document(served, ", scored by a script of its own", anything, anything)


def _document(served: ServedModel, purpose: str, service_input: Any, service_output: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "swagger": "2.0",
        "info": {
            "title": served.service_name,
            "description": f"Web service {served.service_name}: model {served.model_name} version "
            f"{served.model_version}{purpose}.",
            "version": str(served.model_version),
        },
        "schemes": ["http"],
        "basePath": "/",
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": {"/": {"get": _health()}, "/score": {"post": _score(served.auth_enabled)}},
        "definitions": {
            "ServiceInput": service_input,
            "ServiceOutput": service_output,
            "ErrorResponse": _error_response(),
        },
    }
    if served.auth_enabled:
        document["securityDefinitions"] = {
            "Bearer": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "description": "'Bearer KEY', where KEY is the primary or the secondary key of the service",
            }
        }
    return document


def _health() -> dict[str, Any]:
    return {
        "operationId": "ServiceHealthCheck",
        "description": "Whether the service answers.",
        "produces": ["text/plain"],
        "responses": {
            "200": {"description": "Healthy", "schema": {"type": "string"}, "examples": {"text/plain": "Healthy"}}
        },
    }


def _score(auth_enabled: bool) -> dict[str, Any]:
    error = {"$ref": "#/definitions/ErrorResponse"}
    operation: dict[str, Any] = {
        "operationId": "RunMLService",
        "description": "Score rows.",
        "parameters": [
            {
                "name": "serviceInputPayload",
                "in": "body",
                "required": True,
                "schema": {"$ref": "#/definitions/ServiceInput"},
            }
        ],
        "responses": {
            "200": {"description": "The answer.", "schema": {"$ref": "#/definitions/ServiceOutput"}},
            **{status: {"description": text, "schema": error} for status, text in _REFUSED.items()},
            "default": {"description": "The request failed.", "schema": error},
        },
    }
    if auth_enabled:
        operation["security"] = [{"Bearer": []}]
    return operation


def _service_input(signature: ModelSignature) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["data"],
        "additionalProperties": False,
        "properties": {
            "data": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_ROWS,
                "items": {
                    "type": "object",
                    "required": [column.name for column in signature.inputs if column.required],
                    "additionalProperties": False,
                    "properties": {column.name: _column(column) for column in signature.inputs},
                },
            },
            "method": {
                "type": "string",
                "enum": ["predict", "predict_proba"],
                "default": "predict",
                "description": "predict gives a label per row, predict_proba the probability of every class.",
            },
        },
        "example": {"data": list(signature.sample_rows[:_EXAMPLE_ROWS])},
    }


def _column(column: InputColumn) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_TYPES[column.kind])
    if column.nullable:
        schema["x-nullable"] = True
    return schema


def _service_output(signature: ModelSignature, result: list[Label], response_format: ResponseFormat) -> dict[str, Any]:
    meaning = (
        f"result has one entry per row: with predict the label ({signature.label_kind}), with predict_proba the list "
        f"of the probabilities of {', '.join(repr(text) for text in signature.classes[:20])}."
    )
    example = {"result": result}
    classes = {"x-classes": list(label_values(signature))}
    if response_format == "string":
        return classes | {
            "type": "string",
            "description": f'A JSON string that holds JSON: {{"result": [...]}}. {meaning}',
            "example": msgspec.json.encode(example).decode(),
        }
    return classes | {
        "type": "object",
        "required": ["result"],
        # No type for the items: it depends on the method, and Swagger 2.0 cannot say "either".
        "properties": {"result": {"type": "array", "items": {}, "description": meaning}},
        "example": example,
    }


def _error_response() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            }
        },
        "example": {
            "error": {"code": "InvalidRequest", "message": "row 1, column 'age': expected an integer, got a string."}
        },
    }
