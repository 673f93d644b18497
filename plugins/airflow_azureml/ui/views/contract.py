"""A web service's own description: what is filled into the try-it form, and the lines to copy."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azureml_endpoint.contract import ServiceContract
from azureml_endpoint.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azureml_workspace.records import WebService

SECONDS = 5.0
_KINDS = {"integer": "integer", "number": "number", "boolean": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column of a row; `kind` is integer, number, boolean or string, `value` an example as text."""

    name: str
    kind: str
    value: str
    nullable: bool


@dataclass(frozen=True, kw_only=True)
class ConsumeView:
    """`fields` are empty when the service does not type its rows; `trouble` says why there is no contract."""

    service: WebService
    fields: tuple[Field, ...]
    body: str
    trouble: str = ""

    @classmethod
    def read(cls, service: WebService) -> ConsumeView:
        """Ask the service itself, without a key."""
        try:
            contract = fetch(service)
        except EndpointError as error:
            return cls(service=service, fields=(), body='{"data": []}', trouble=str(error))
        rows = contract.sample_rows()[:1]
        example: Mapping[str, Any] = rows[0] if rows else {}
        fields = tuple(
            Field(
                name=name,
                kind=_KINDS.get(_type_of(schema), "string"),
                value=_text(example.get(name)),
                nullable=bool(schema.get("x-nullable") or schema.get("nullable")),
            )
            for name, schema in contract.columns.items()
        )
        return cls(service=service, fields=fields, body=json.dumps({"data": list(rows)}, ensure_ascii=False))

    @property
    def curl(self) -> str:
        """A line for a shell, in which KEY holds the key."""
        key = ' \\\n  -H "Authorization: Bearer $KEY"' if self.service.auth_enabled else ""
        return (
            f"curl -s {shlex.quote(self.service.scoring_uri)}{key} \\\n"
            f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(self.body)}"
        )

    @property
    def python(self) -> str:
        """A script; the key is in the environment variable KEY."""
        headers = '    headers={"Authorization": "Bearer " + os.environ["KEY"]},\n' if self.service.auth_enabled else ""
        body = json.dumps(json.loads(self.body), indent=4, ensure_ascii=True)
        body = body.replace(": true", ": True").replace(": false", ": False").replace(": null", ": None")
        return (
            ("import os\n\n" if self.service.auth_enabled else "")
            + "import requests\n\n"
            + f"body = {body}\n"
            + f"answer = requests.post(\n    {self.service.scoring_uri!r},\n    json=body,\n{headers}"
            + "    timeout=10,\n)\nanswer.raise_for_status()\nprint(answer.json())"
        )

    @property
    def ab(self) -> str:
        """Apache's load tester; it takes the body from a file."""
        key = ' \\\n  -H "Authorization: Bearer $KEY"' if self.service.auth_enabled else ""
        return (
            f"printf %s {shlex.quote(self.body)} > request.json\n"
            f"ab -n 1000 -c 4 -k -p request.json -T application/json{key} \\\n  {shlex.quote(self.service.scoring_uri)}"
        )


def fetch(service: WebService) -> ServiceContract:
    """The service's Swagger document. :raises EndpointError: says why there is none."""
    return ServiceContract.fetch(service.scoring_uri, swagger_uri=service.swagger_uri, timeout=SECONDS)


def for_swagger_ui(service: WebService) -> dict[str, Any]:
    """The document, with the service's own host where it names none. :raises EndpointError:"""
    document = dict(fetch(service).document)
    address = urlsplit(service.scoring_uri)
    if "swagger" in document:
        document["host"] = address.netloc
        document["schemes"] = [address.scheme]
        document.setdefault("basePath", "/")
    return document


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    return kind if isinstance(kind, str) else "string"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
