"""A smoke check: does a web service do what its contract and its model say, and refuse what it should?"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from azureml_endpoint.contract import ServiceContract, sibling_uri
from azureml_endpoint.errors import EndpointError
from azureml_endpoint.score import PURPOSE_HEADER, new_traceparent, request_headers
from azureml_endpoint.transport import Reply, Transport, check_key
from azureml_endpoint.wire import Method, decode_answer, encode_request, excerpt
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

PROBABILITY_TOLERANCE = 1e-3
"""How far a row's probabilities may be from 1 in sum; float32 and rounding in JSON stay well below it."""

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Check(Record):
    """One thing that was looked at. `detail` says what was seen and, when it failed, what was expected."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class SmokeReport(Record):
    """`labels` are the service's answers for the sample rows, empty when there were none; `latency_ms` of that request.

    `scored` counts the requests that were answered with a result, which is what telemetry must have seen. `passed` is
    whether every check passed. `unavailable` is whether one failed for want of a working connection or
    with a 5xx, so that a caller can try again later.
    """

    labels: tuple[Any, ...]
    latency_ms: float | None
    checks: tuple[Check, ...]
    scored: int
    passed: bool
    unavailable: bool

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


def smoke_check(
    scoring_uri: str,
    key: str | None = None,
    rows: Sequence[Mapping[str, Any]] = (),
    *,
    expected_labels: Sequence[Any] | None = None,
    classes: Sequence[Any] | None = None,
    swagger_uri: str | None = None,
    auth_enabled: bool = True,
    probabilities: bool = True,
    timeout: float = 30.0,
) -> SmokeReport:
    """Check the service with `rows` (none: its contract's example). A failing service is a report, not an error.

    `classes` are the labels the model knows (none: those the contract lists, if it does). `auth_enabled` False leaves
    out the two checks of keys, `probabilities` False the one of `predict_proba`.

    :raises InvalidRequest: an argument cannot work: a bad URI or key, rows without a JSON form, or as many expected
        labels as there are not rows.
    """
    if expected_labels is not None and rows and len(expected_labels) != len(rows):
        raise InvalidRequest(f"{len(expected_labels)} expected labels were given for {len(rows)} rows.")
    encode_request(rows)
    with Transport(scoring_uri, timeout) as transport:
        smoke = _Smoke(transport, scoring_uri, check_key(key))
        contract = smoke.service(swagger_uri or sibling_uri(scoring_uri, "swagger.json"))
        if contract is not None:
            rows = rows or contract.sample_rows()
            smoke.rows_keep(contract, rows)
            classes = classes or contract.classes
        if rows:
            smoke.labels_of(rows, contract, classes or (), expected_labels)
            if probabilities:
                smoke.probabilities_of(rows, classes or ())
        else:
            smoke.note("score", "there are no rows to score; give some, because the service's contract has no example")
        if auth_enabled:
            smoke.refuses_keys(rows)
        smoke.refuses_malformed()
        return smoke.report()


class _Smoke:
    """The checks so far, and how one is made: a function that returns what it saw, or raises `_Failed` or an error."""

    def __init__(self, transport: Transport, scoring_uri: str, key: str | None) -> None:
        self._transport = transport
        self._uri = scoring_uri
        self._key = key
        self._checks: list[Check] = []
        self._labels: tuple[Any, ...] = ()
        self._latency_ms: float | None = None
        self._scored = 0
        self._unavailable = False

    def report(self) -> SmokeReport:
        return SmokeReport(
            labels=self._labels,
            latency_ms=self._latency_ms,
            checks=tuple(self._checks),
            scored=self._scored,
            passed=all(check.passed for check in self._checks),
            unavailable=self._unavailable,
        )

    def note(self, name: str, problem: str | None, seen: str = "") -> None:
        """Record a check, failed when there is a problem; without the key, which a service may repeat in its answer."""
        detail = problem or seen
        if self._key:
            detail = detail.replace(self._key, "***")
        self._checks.append(Check(name=name, passed=problem is None, detail=detail))

    # The service itself

    def service(self, swagger_uri: str) -> ServiceContract | None:
        """Health, then the contract, which is returned when it can be read."""
        health = self._try("health", lambda: self._transport.exchange("GET", sibling_uri(self._uri, ""), key=self._key))
        if health is not None:
            seen = f"GET / answered {health.status} {excerpt(health.body)[:80]}"
            self.note("health", None if health.status == 200 else f"{seen}; 200 was expected", seen)
        contract = self._try("swagger", lambda: self._contract(swagger_uri))
        if contract is not None:
            problem = None if contract.columns else "ServiceInput does not type the columns of a row (data/items)"
            self.note("swagger", problem, f"version {contract.version}, {len(contract.columns)} typed columns")
        return contract

    def rows_keep(self, contract: ServiceContract, rows: Sequence[Mapping[str, Any]]) -> None:
        """The rows that will be sent against the published contract."""
        problems = contract.request_problems(rows)
        self.note("rows_match_contract", "; ".join(problems) or None, f"{len(rows)} rows keep the contract")

    # Scoring

    def labels_of(
        self,
        rows: Sequence[Mapping[str, Any]],
        contract: ServiceContract | None,
        classes: Sequence[Any],
        expected: Sequence[Any] | None,
    ) -> None:
        """Score the rows and look at the labels."""
        reply = self._try("score", lambda: self._score(rows, "predict"))
        if reply is None:
            return
        answer = decode_answer(reply.body)
        self._labels, self._latency_ms = answer.result, reply.latency_ms
        self.note("score", None, f"200 in {reply.latency_ms:.1f} ms, labels {_short(answer.result)}")
        self.note("reply_count", _differs("results", len(answer.result), len(rows)), f"{len(rows)} results")
        if contract is not None:
            problems = contract.reply_problems(reply.body)
            self.note("reply_matches_contract", "; ".join(problems) or None, "the answer keeps the contract")
        if classes:
            strange = [label for label in answer.result if label not in classes]
            problem = f"labels {_short(strange)} are not among {_short(classes)}" if strange else None
            self.note("known_labels", problem, f"all among {_short(classes)}")
        if expected is not None:
            self.note("expected_labels", _label_difference(answer.result, expected), "as expected")

    def probabilities_of(self, rows: Sequence[Mapping[str, Any]], classes: Sequence[Any]) -> None:
        """Ask for probabilities: one list per row, one number per class, in sum 1."""
        reply = self._try("probabilities", lambda: self._score(rows, "predict_proba"))
        if reply is None:
            return
        result = decode_answer(reply.body).result
        problem = _differs("rows of probabilities", len(result), len(rows))
        for number, row in enumerate(result):
            problem = problem or _probability_problem(number, row, len(classes))
        self.note("probabilities", problem, f"{len(result)} rows, each sums to 1")

    # Refusals

    def refuses_keys(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A wrong key and no key must both be refused with 401."""
        body = encode_request(rows)
        self._expect("wrong_key_refused", 401, body, secrets.token_urlsafe(24))
        self._expect("no_key_refused", 401, body, None)

    def refuses_malformed(self) -> None:
        """A body that is not JSON must be refused with 400."""
        self._expect("malformed_refused", 400, b'{"data": [{', self._key)

    def _expect(self, name: str, status: int, body: bytes, key: str | None) -> None:
        reply = self._try(name, lambda: self._post(body, key))
        if reply is not None:
            seen = f"answered {reply.status} {excerpt(reply.body)[:120]}"
            self.note(name, None if reply.status == status else f"{seen}; {status} was expected", seen)

    # Exchanges

    def _contract(self, swagger_uri: str) -> ServiceContract:
        reply = self._transport.exchange("GET", swagger_uri, key=self._key)
        if reply.status != 200:
            raise reply.error()
        return ServiceContract.parse(reply.body)

    def _score(self, rows: Sequence[Mapping[str, Any]], method: Method) -> Reply:
        reply = self._post(encode_request(rows, method), self._key)
        if reply.status != 200:
            raise reply.error()
        self._scored += 1
        decode_answer(reply.body)
        return reply

    def _post(self, body: bytes, key: str | None) -> Reply:
        headers = request_headers(new_traceparent()) | {PURPOSE_HEADER: "smoke"}
        return self._transport.exchange("POST", self._uri, key=key, body=body, headers=headers)

    def _try(self, name: str, action: Callable[[], Result]) -> Result | None:
        """The action's result, or None after its error was recorded as the failed check `name`."""
        try:
            return action()
        except EndpointError as error:
            self._unavailable = self._unavailable or error.retryable
            self.note(name, str(error))
            return None


def _differs(what: str, seen: int, expected: int) -> str | None:
    return None if seen == expected else f"{seen} {what}; {expected} were expected, one per row"


def _label_difference(labels: Sequence[Any], expected: Sequence[Any]) -> str | None:
    if len(labels) != len(expected):
        return f"{len(labels)} labels; {len(expected)} were expected"
    wrong = [number for number, (seen, wanted) in enumerate(zip(labels, expected, strict=True)) if seen != wanted]
    if not wrong:
        return None
    first = wrong[0]
    return (
        f"{len(wrong)} of {len(labels)} labels differ, first in row {first}: "
        f"{labels[first]!r}; {expected[first]!r} was expected"
    )


def _probability_problem(number: int, row: Any, classes: int) -> str | None:
    if not isinstance(row, list) or not all(isinstance(value, int | float) for value in row):
        return f"row {number} is {str(row)[:80]}; a list of numbers was expected"
    if classes and len(row) != classes:
        return f"row {number} has {len(row)} probabilities; {classes} were expected, one per class"
    if not all(0 <= value <= 1 for value in row) or abs(sum(row) - 1) > PROBABILITY_TOLERANCE:
        return f"row {number} is {row}, which sums to {sum(row):.4f}; numbers from 0 to 1 with sum 1 were expected"
    return None


def _short(values: Sequence[Any]) -> str:
    text = json.dumps(list(values[:10]), default=str)
    return text if len(values) <= 10 else f"{text[:-1]}, ... {len(values)} in all]"
