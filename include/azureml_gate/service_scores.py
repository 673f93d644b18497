"""What a web service says of the holdout: a probability per row and class."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from azureml_endpoint.errors import EndpointError, RowsRefused, UnexpectedReply
from azureml_endpoint.score import ScoringClient
from azureml_endpoint.wire import Method
from azureml_gate.holdout import label_text
from azureml_gate.service_rows import TypedRows
from azureml_workspace.errors import Throttled
from azureml_workspace.metrics.classification import Probabilities

PURPOSE = "gate"
"""In `PURPOSE_HEADER` of all that the gate sends."""

BATCH_ROWS = 500
MOST_REFUSALS = 50
"""Rows that a service may refuse one by one, although they keep its contract; then it is not asked on."""

ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Scores:
    """`probabilities` [scored rows, classes] belong to the holdout's rows `places` [scored rows], in their order.

    `refusals` says why the other rows have none, by place.
    """

    places: npt.NDArray[np.intp] = field(repr=False)
    probabilities: Probabilities = field(repr=False)
    refusals: Mapping[int, str] = field(repr=False)

    def of(self, places: Sequence[int]) -> Probabilities:
        """The rows of those places, which were scored."""
        chosen: Probabilities = self.probabilities[np.searchsorted(self.places, places)]
        return chosen


def score_holdout(client: ScoringClient, typed: TypedRows) -> Scores:
    """Ask for the probabilities of all rows, in batches.

    A request that fails for want of a connection, by a 5xx or a 429 is sent four times at most. A refused batch is sent
    in parts, so that its other rows are scored.

    :raises UnexpectedReply: the answers are no probabilities.
    :raises EndpointError: the service does not answer, refuses the key, or refuses more than 50 rows.
    """
    asked = _Asked(client, typed)
    places = sorted(typed.rows)
    for start in range(0, len(places), BATCH_ROWS):
        asked.score(places[start : start + BATCH_ROWS])
    scored = sorted(asked.answers)
    return Scores(
        places=np.asarray(scored, dtype=np.intp),
        probabilities=_as_matrix([asked.answers[place] for place in scored]),
        refusals={**typed.refusals, **asked.refusals},
    )


def labels_of(client: ScoringClient, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The labels that the service gives the rows, as text. :raises EndpointError:"""
    return tuple(map(label_text, ask(client, rows, "predict")))


def ask(client: ScoringClient, rows: Sequence[Mapping[str, Any]], method: Method) -> tuple[Any, ...]:
    """Score the rows, again after a while when the service cannot answer just now.

    :raises EndpointError: as `ScoringClient.score`, of the last try.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return client.score(rows, method).result
        except EndpointError as error:
            if not error.retryable:
                raise
            asked = error.retry_after if isinstance(error, Throttled) else None
            time.sleep(min(asked or _FIRST_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS))
    return client.score(rows, method).result


class _Asked:
    """Answers and refusals so far, by place."""

    def __init__(self, client: ScoringClient, typed: TypedRows) -> None:
        self._client = client
        self._typed = typed
        self.answers: dict[int, Any] = {}
        self.refusals: dict[int, str] = {}

    def score(self, places: Sequence[int]) -> None:
        try:
            result = ask(self._client, [self._typed.rows[place] for place in places], "predict_proba")
        except RowsRefused as refusal:
            if len(places) == 1:
                self._refused(places[0], refusal)
                return
            half = len(places) // 2
            self.score(places[:half])
            self.score(places[half:])
            return
        self.answers.update(zip(places, result, strict=True))

    def _refused(self, place: int, refusal: RowsRefused) -> None:
        self.refusals[place] = str(refusal)
        if len(self.refusals) > MOST_REFUSALS:
            raise refusal


def _as_matrix(answers: Sequence[Any]) -> Probabilities:
    if not answers:
        return np.empty((0, 0))
    try:
        matrix = np.asarray(answers, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise UnexpectedReply(
            f"The web service answered {str(answers[0])[:80]} where a list of probabilities was expected, one per "
            "class; the gate needs a service that knows predict_proba."
        )
    return matrix
