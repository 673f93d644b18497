"""`GET /swagger.json`: examples, requests and answers all fit the definitions."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from tests.integration.scoring.conftest import StartService
from tests.integration.scoring.packages import COLUMNS, make_rows
from tests.integration.scoring.services import ServiceProcess

pytestmark = pytest.mark.integration


def schema_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A definition as JSON Schema draft 4, which Swagger 2.0 extends; `x-nullable` is its only word for null."""
    schema: dict[str, Any] = copy.deepcopy(document["definitions"][name])
    rows = schema.get("properties", {}).get("data", {}).get("items", {})
    for column in rows.get("properties", {}).values():
        if column.pop("x-nullable", False):
            column["type"] = [column["type"], "null"]
    jsonschema.Draft4Validator.check_schema(schema)
    return schema


def check(document: dict[str, Any], name: str, value: object) -> None:
    jsonschema.Draft4Validator(schema_of(document, name)).validate(value)


@pytest.fixture
def document(service: ServiceProcess) -> dict[str, Any]:
    found: dict[str, Any] = service.request("GET", "/swagger.json").json
    return found


def test_it_is_swagger_2_with_the_names_azure_uses(document: dict[str, Any]) -> None:
    assert document["swagger"] == "2.0"
    assert document["info"]["title"] == "bank-marketing"
    assert {"ServiceInput", "ServiceOutput", "ErrorResponse"} == set(document["definitions"])
    assert document["paths"]["/"]["get"]["operationId"] == "ServiceHealthCheck"
    assert document["paths"]["/score"]["post"]["operationId"] == "RunMLService"
    assert document["paths"]["/score"]["post"]["security"] == [{"Bearer": []}]
    bearer = document["securityDefinitions"]["Bearer"]
    assert (bearer["type"], bearer["in"], bearer["name"]) == ("apiKey", "header", "Authorization")


def test_rows_are_typed_from_the_signature(document: dict[str, Any]) -> None:
    row = document["definitions"]["ServiceInput"]["properties"]["data"]["items"]
    assert set(row["properties"]) == {column.name for column in COLUMNS}
    assert row["required"] == [column.name for column in COLUMNS if column.required]
    types = {name: schema["type"] for name, schema in row["properties"].items()}
    assert types["age"] == "integer"
    assert types["emp.var.rate"] == "number"
    assert types["<b>loan</b> €"] == "boolean"
    assert types["contacted at"] == types["job"] == "string"
    assert {name for name, schema in row["properties"].items() if schema.get("x-nullable")} == {
        column.name for column in COLUMNS if column.nullable
    }


def test_it_says_which_class_each_probability_is_of(document: dict[str, Any]) -> None:
    assert document["definitions"]["ServiceOutput"]["x-classes"] == ["no", "yes"]


@pytest.mark.parametrize("name", ["ServiceInput", "ServiceOutput", "ErrorResponse"])
def test_every_definition_has_an_example_that_fits_it(document: dict[str, Any], name: str) -> None:
    check(document, name, document["definitions"][name]["example"])


def test_the_example_is_scored_as_the_example_of_the_answer_says(
    service: ServiceProcess, document: dict[str, Any]
) -> None:
    definitions = document["definitions"]
    reply = service.score(definitions["ServiceInput"]["example"])
    assert reply.status == 200
    assert reply.json == definitions["ServiceOutput"]["example"]


@pytest.mark.parametrize("response_format", ["string", "object"])
def test_answers_fit_the_definitions(start_service: StartService, response_format: str) -> None:
    service = start_service(response_format=response_format)
    document = service.request("GET", "/swagger.json").json
    for method in ("predict", "predict_proba"):
        request = {"data": make_rows(3), "method": method}
        check(document, "ServiceInput", request)
        check(document, "ServiceOutput", service.score(request).json)
    check(document, "ServiceOutput", document["definitions"]["ServiceOutput"]["example"])
    for refused in (service.score({}), service.score({}, key="x"), service.request("GET", "/x")):
        check(document, "ErrorResponse", refused.json)


@pytest.mark.parametrize("bad", [{}, {"age": "x"}, {"salary": 1}])
def test_what_the_definitions_refuse_the_service_refuses(
    service: ServiceProcess, document: dict[str, Any], bad: dict[str, Any]
) -> None:
    request = {"data": [make_rows(1)[0] | bad if bad else {}]}
    with pytest.raises(jsonschema.ValidationError):
        check(document, "ServiceInput", request)
    assert service.score(request).status == 400


def test_version_2_may_be_asked_for(service: ServiceProcess, document: dict[str, Any]) -> None:
    assert service.request("GET", "/swagger.json?version=2").json == document


@pytest.mark.parametrize("version", ["3", "3.1", "", "2.0"])
def test_another_version_is_refused_naming_the_supported_one(service: ServiceProcess, version: str) -> None:
    reply = service.request("GET", f"/swagger.json?version={version}")
    assert reply.status == 400
    assert "version=2" in reply.message
