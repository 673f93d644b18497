"""A web service whose model is a rule: real HTTP, the whole wire shape, and columns that the test chooses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.integration.endpoint.scripted_service import Seen, reply

KEY = "key-0123456789"

Rule = Callable[[dict[str, Any]], Mapping[str, float]]


@dataclass
class RuleService:
    """`columns` are the contract's; `rule` gives the probability of each class for a row."""

    rule: Rule
    columns: dict[str, dict[str, Any]]
    says_classes: bool = True
    required: list[str] | None = None
    broken: bytes | None = None
    scored: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, seen: Seen) -> bytes:
        if seen.method == "GET":
            return reply(body=b"Healthy") if seen.path == "/" else reply(body=self._swagger())
        if seen.headers.get("authorization") != f"Bearer {KEY}":
            return reply(401, {"error": {"code": "Unauthorized", "message": "no key"}})
        try:
            body = seen.json
        except ValueError:
            return reply(400, {"error": {"code": "InvalidRequest", "message": "no JSON"}})
        if self.broken is not None:
            return self.broken
        return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> bytes:
        rows = body["data"]
        for number, row in enumerate(rows, 1):
            unknown = [name for name in row if name not in self.columns]
            if unknown:
                message = f"row {number}, column {unknown[0]!r}: not a column of this model"
                return reply(400, {"error": {"code": "InvalidRequest", "message": message}})
        self.scored.extend(rows)
        found = [self.rule(row) for row in rows]
        if body.get("method") == "predict_proba":
            return reply(body={"result": [list(odds.values()) for odds in found]})
        return reply(body={"result": [max(odds, key=lambda name: odds[name]) for odds in found]})

    def _swagger(self) -> dict[str, Any]:
        example = dict.fromkeys(self.columns, 1)
        row = {
            "type": "object",
            "required": list(self.columns) if self.required is None else self.required,
            "additionalProperties": False,
            "properties": self.columns,
        }
        output: dict[str, Any] = {"type": "object", "properties": {"result": {"type": "array", "items": {}}}}
        if self.says_classes:
            output["x-classes"] = list(self.rule(example))
        service_input = {
            "type": "object",
            "required": ["data"],
            "properties": {"data": {"type": "array", "items": row}, "method": {"type": "string"}},
            "example": {"data": [example]},
        }
        return json.loads(
            json.dumps({"swagger": "2.0", "definitions": {"ServiceInput": service_input, "ServiceOutput": output}})
        )
