import json
from typing import Any

import pytest

from azureml_endpoint.contract import ServiceContract, sibling_uri
from azureml_endpoint.errors import UnexpectedReply

pytestmark = pytest.mark.unit

ROW = {
    "type": "object",
    "required": ["age", "job"],
    "additionalProperties": False,
    "properties": {
        "age": {"type": "integer"},
        "job": {"type": "string"},
        "rate": {"type": "number", "x-nullable": True},
    },
}
EXAMPLE = {"data": [{"age": 57, "job": "technician", "rate": None}]}
INPUT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {"type": "array", "items": {"$ref": "#/definitions/Row"}},
        "method": {"type": "string", "enum": ["predict", "predict_proba"]},
    },
    "example": EXAMPLE,
}
OUTPUT = {
    "type": "object",
    "properties": {"result": {"type": "array", "items": {"type": "string", "enum": ["no", "yes"]}}},
}


def contract(output: dict[str, Any] = OUTPUT) -> ServiceContract:
    definitions = {"Row": ROW, "ServiceInput": INPUT, "ServiceOutput": output}
    document = {"swagger": "2.0", "info": {"title": "bank", "version": "3"}, "definitions": definitions}
    return ServiceContract.parse(json.dumps(document).encode())


def openapi(version: str, nullable: dict[str, Any]) -> ServiceContract:
    text = json.dumps({"Row": ROW, "ServiceInput": INPUT, "ServiceOutput": OUTPUT})
    schemas = json.loads(text.replace("#/definitions/", "#/components/schemas/"))
    schemas["Row"]["properties"]["rate"] = nullable
    return ServiceContract.parse(json.dumps({"openapi": version, "components": {"schemas": schemas}}).encode())


ALL_FORMS = [
    contract(),
    openapi("3.0.3", {"type": "number", "nullable": True}),
    openapi("3.1.0", {"type": ["number", "null"]}),
]


@pytest.mark.parametrize("service", ALL_FORMS, ids=lambda service: service.version)
def test_every_version_types_rows_and_replies(service: ServiceContract) -> None:
    assert set(service.columns) == {"age", "job", "rate"}
    assert service.classes == ("no", "yes")
    assert service.sample_rows() == tuple(EXAMPLE["data"])
    assert service.request_problems(service.sample_rows()) == ()
    assert service.request_problems([{"age": 1, "job": "x", "rate": 0.5}], "predict_proba") == ()
    assert service.reply_problems(b'{"result": ["yes"]}') == ()
    assert service.reply_problems(b'{"result": ["maybe"]}') != ()


@pytest.mark.parametrize("service", ALL_FORMS, ids=lambda service: service.version)
@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"age": "old", "job": "x"}, "row 1, column 'age'"),
        ({"age": 1}, "row 1: 'job' is a required"),
        ({"age": 1, "job": "x", "extra": 1}, "extra"),
        ({"age": None, "job": "x"}, "row 1, column 'age'"),
        ({"age": 1, "job": "x", "rate": "much"}, "row 1, column 'rate'"),
    ],
)
def test_a_bad_row_is_named(service: ServiceContract, row: dict[str, Any], words: str) -> None:
    problems = service.request_problems([{"age": 1, "job": "x"}, row])
    assert len(problems) == 1
    assert words in problems[0]


def test_many_problems_are_cut_to_a_few() -> None:
    assert len(contract().request_problems([{"age": "old", "job": 1}] * 100)) == 5


@pytest.mark.parametrize(
    ("schema", "body", "good"),
    [
        (OUTPUT, json.dumps('{"result": ["yes"]}').encode(), True),
        (OUTPUT, json.dumps('{"result": [1]}').encode(), False),
        ({"type": "string"}, json.dumps('{"result": ["yes"]}').encode(), True),
        ({"type": "string"}, b'{"result": ["yes"]}', False),
        ({"type": "array", "items": {"type": "integer"}}, json.dumps('{"result": [1]}').encode(), True),
        ({"type": "array", "items": {"type": "integer"}}, b'{"result": ["yes"]}', False),
        (OUTPUT, b"<html>", False),
        (OUTPUT, b'"no json inside"', False),
    ],
)
def test_replies_are_checked_in_the_form_that_the_document_describes(
    schema: dict[str, Any], body: bytes, good: bool
) -> None:
    assert (contract(schema).reply_problems(body) == ()) is good


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "version"),
        (b'{"swagger": "1.2"}', "version '1.2'"),
        (b'{"swagger": "2.0"}', "no ServiceInput and no ServiceOutput"),
        (b'{"swagger": "2.0", "definitions": {"ServiceInput": {}, "Other": {}}}', "no ServiceOutput"),
    ],
)
def test_a_document_that_is_no_contract_is_refused(document: bytes, words: str) -> None:
    with pytest.raises(UnexpectedReply, match=words):
        ServiceContract.parse(document)


def test_odd_documents_do_not_break_the_reader() -> None:
    circle, elsewhere = {"$ref": "#/definitions/ServiceInput"}, {"$ref": "http://127.0.0.1:1/x"}
    odd = {"swagger": "2.0", "info": [], "definitions": {"ServiceInput": circle, "ServiceOutput": elsewhere}}
    service = ServiceContract.parse(json.dumps(odd).encode())
    assert (dict(service.columns), service.sample_rows(), service.classes) == ({}, (), ())
    assert "cannot be used" in service.reply_problems(b"{}")[0]
    assert "cannot be used" in service.request_problems([{}])[0]


@pytest.mark.parametrize(
    ("scoring_uri", "name", "expected"),
    [
        ("http://h:80/score", "swagger.json", "http://h:80/swagger.json"),
        ("https://h/api/v1/service/bank/score", "swagger.json", "https://h/api/v1/service/bank/swagger.json"),
        ("http://h/score?x=1", "", "http://h/"),
    ],
)
def test_addresses_beside_the_scoring_uri(scoring_uri: str, name: str, expected: str) -> None:
    assert sibling_uri(scoring_uri, name) == expected


def test_columns_that_no_row_may_lack() -> None:
    assert contract().required_columns == {"age", "job"}
    assert openapi("3.0.3", {"nullable": True}).required_columns == {"age", "job"}


def test_the_classes_of_probabilities_are_said_or_not_known() -> None:
    assert contract().probability_classes == ()
    assert contract(OUTPUT | {"x-classes": ["no", "yes"]}).probability_classes == ("no", "yes")
    assert contract(OUTPUT | {"x-classes": "no, yes"}).probability_classes == ()
