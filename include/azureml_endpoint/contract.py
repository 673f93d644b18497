"""The contract that a web service publishes at `/swagger.json`, and checks of rows and answers against it.

Swagger 2.0 is what Azure ML and the local server publish; OpenAPI 3 is read too. Only the two schemas that describe
scoring are used: `ServiceInput` and `ServiceOutput`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from azureml_endpoint.errors import EndpointError, UnexpectedReply
from azureml_endpoint.score import hide_key
from azureml_endpoint.transport import Transport
from azureml_endpoint.wire import Method, encode_request

MAX_PROBLEMS = 5
"""Problems named at once: enough to see the pattern, few enough to read."""

Schema = dict[str, Any]


@dataclass(frozen=True)
class ServiceContract:
    """The scoring part of a service's Swagger document. `title` and `version` (of the document) are for people."""

    document: Mapping[str, Any] = field(repr=False)
    title: str
    version: str
    input_schema: Schema = field(repr=False)
    output_schema: Schema = field(repr=False)

    @classmethod
    def fetch(
        cls, scoring_uri: str, key: str | None = None, *, swagger_uri: str | None = None, timeout: float = 30.0
    ) -> Self:
        """Read the contract; the document's address follows from the scoring URI unless given.

        :raises UnexpectedReply: the answer is not a Swagger 2.0 or OpenAPI 3 document that describes scoring.
        :raises EndpointError: of the kind that the HTTP status or the lost connection stands for.
        """
        uri = swagger_uri or sibling_uri(scoring_uri, "swagger.json")
        with Transport(uri, timeout) as transport:
            reply = transport.exchange("GET", uri, key=key)
        try:
            if reply.status != 200:
                raise reply.error()
            return cls.parse(reply.body)
        except EndpointError as error:
            raise hide_key(error, key) from None

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """The contract in a Swagger document. :raises UnexpectedReply: it is none, or does not describe scoring."""
        try:
            parsed = json.loads(document)
        except ValueError as error:
            raise UnexpectedReply("the Swagger document is not JSON.") from error
        version = str(parsed.get("swagger") or parsed.get("openapi") or "") if isinstance(parsed, dict) else ""
        if version != "2.0" and not version.startswith("3."):
            raise UnexpectedReply(f"the document says version {version!r}; Swagger 2.0 or OpenAPI 3 was expected.")
        # `title` and such belong to people; a document without `info` is still a contract.
        info = parsed.get("info")
        schemas = _named_schemas(parsed)
        missing = [name for name in ("ServiceInput", "ServiceOutput") if not isinstance(schemas.get(name), dict)]
        if missing:
            known = ", ".join(sorted(schemas)) or "none"
            raise UnexpectedReply(f"the Swagger document defines no {' and no '.join(missing)} (it defines: {known}).")
        return cls(
            document=parsed,
            title=str(info.get("title", "")) if isinstance(info, dict) else "",
            version=version,
            input_schema=schemas["ServiceInput"],
            output_schema=schemas["ServiceOutput"],
        )

    @cached_property
    def columns(self) -> dict[str, Schema]:
        """The schema of each column a row may have, empty when the document does not type the rows."""
        properties = self._row.get("properties", {})
        return {str(name): self._resolve(schema) for name, schema in properties.items()}

    @cached_property
    def required_columns(self) -> frozenset[str]:
        """The columns that no row may lack."""
        return frozenset(map(str, self._row.get("required", ())))

    @cached_property
    def _row(self) -> Schema:
        data = self._resolve(self._resolve(self.input_schema).get("properties", {}).get("data", {}))
        return self._resolve(data.get("items", {}))

    @cached_property
    def classes(self) -> tuple[Any, ...]:
        """The labels the service may answer, when the document lists them (`enum`), else empty."""
        found = _find_enum(self._resolve(self.output_schema), self._resolve)
        return tuple(found)

    @cached_property
    def probability_classes(self) -> tuple[Any, ...]:
        """The labels in the order of a row's probabilities, empty when the document does not say (`x-classes`)."""
        found = self._resolve(self.output_schema).get("x-classes")
        return tuple(found) if isinstance(found, list) else ()

    def sample_rows(self) -> tuple[dict[str, Any], ...]:
        """The rows of the document's own example, empty when it has none."""
        resolved = self._resolve(self.input_schema)
        example = resolved.get("example", resolved.get("examples", [None]))
        if isinstance(example, list):
            example = example[0] if example else None
        data = example.get("data") if isinstance(example, dict) else None
        if data is None:
            data = self._resolve(resolved.get("properties", {}).get("data", {})).get("example")
        return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()

    def request_problems(self, rows: Sequence[Mapping[str, Any]], method: Method = "predict") -> tuple[str, ...]:
        """Where a request with these rows breaks the contract, empty when it keeps it; each names row and column."""
        return self._problems(self.input_schema, json.loads(encode_request(rows, method)))

    def reply_problems(self, body: bytes) -> tuple[str, ...]:
        """Where the body of an answer breaks the contract, empty when it keeps it.

        A document describes the body as it is on the wire, or what is inside a double-encoded one (Azure's own
        describes the innermost list): the schema's type tells which, so that is the form that is checked.
        """
        try:
            value = json.loads(body)
            wanted = self._resolve(self.output_schema).get("type")
            if isinstance(value, str) and wanted != "string":
                value = json.loads(value)
            if wanted == "array" and isinstance(value, dict):
                value = value.get("result")
        except ValueError:
            return ("the answer is not JSON",)
        return self._problems(self.output_schema, value)

    def _problems(self, schema: Schema, value: object) -> tuple[str, ...]:
        from jsonschema import Draft4Validator, Draft202012Validator
        from jsonschema.exceptions import UnknownType
        from referencing import Registry
        from referencing.exceptions import Unresolvable
        from referencing.jsonschema import DRAFT4, DRAFT202012

        modern = self.version.startswith("3.1")
        root = _as_json_schema({**self.document, **schema})
        # A registry of its own, so that a `$ref` to some other address is an error and not a download.
        resource = (DRAFT202012 if modern else DRAFT4).create_resource(root)
        registry: Registry[Any] = Registry().with_resource("", resource)
        validator = (Draft202012Validator if modern else Draft4Validator)(root, registry=registry)
        try:
            errors = sorted(validator.iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path])
        except (Unresolvable, UnknownType, RecursionError, re.error) as error:
            return (f"the contract cannot be used: {type(error).__name__} {str(error)[:200]}",)
        return tuple(f"{_place(error.absolute_path)}{error.message[:200]}" for error in errors[:MAX_PROBLEMS])

    def _resolve(self, schema: object) -> Schema:
        """Follow `$ref` within the document; anything that is not a schema counts as an empty one."""
        for _ in range(8):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            target: object = self.document
            for part in reference.removeprefix("#/").split("/"):
                target = target.get(part) if isinstance(target, Mapping) else None
            schema = target
        return {}


def sibling_uri(scoring_uri: str, name: str) -> str:
    """The address beside the scoring URI: `http://host/a/score` and `swagger.json` give `http://host/a/swagger.json`."""
    parts = urlsplit(scoring_uri)
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rsplit('/', 1)[0]}/{name}", "", ""))


def _named_schemas(document: Mapping[str, Any]) -> Mapping[str, Any]:
    components = document.get("components")
    found = components.get("schemas") if isinstance(components, dict) else document.get("definitions")
    return found if isinstance(found, dict) else {}


def _find_enum(schema: Schema, resolve: Any) -> list[Any]:
    """The first `enum` in the schema of an answer, wherever the labels sit (`result`, list items, or alternatives)."""
    if isinstance(schema.get("enum"), list):
        return list(schema["enum"])
    below = [*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", [])]
    for part in below:
        if isinstance(part, dict) and (found := _find_enum(resolve(part), resolve)):
            return found
    return []


def _as_json_schema(schema: Any) -> Any:
    """Swagger's ways of saying "or null" (`x-nullable`, OpenAPI 3.0's `nullable`) in JSON Schema's words."""
    if isinstance(schema, list):
        return [_as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: _as_json_schema(part) for name, part in schema.items()}
    if (schema.get("x-nullable") is True or schema.get("nullable") is True) and isinstance(schema.get("type"), str):
        converted["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            converted["enum"] = [*schema["enum"], None]
    return converted


def _place(path: Any) -> str:
    """`data/3/age` as words."""
    parts = list(path)
    if len(parts) >= 2 and parts[0] == "data" and isinstance(parts[1], int):
        column = f", column {parts[2]!r}" if len(parts) > 2 else ""
        return f"row {parts[1]}{column}: "
    return f"{'/'.join(map(str, parts))}: " if parts else ""
