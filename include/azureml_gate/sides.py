"""One side of the comparison: what its service says of the holdout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azureml_endpoint.contract import ServiceContract
from azureml_endpoint.errors import EndpointNotFound, UnexpectedReply
from azureml_endpoint.score import ScoringClient
from azureml_endpoint.turns import Target
from azureml_endpoint.wire import encode_request
from azureml_gate.class_order import class_order
from azureml_gate.contestants import DROP_KEY_TAG, SPLIT_TAG, Contestant
from azureml_gate.figures import ModelFigures
from azureml_gate.holdout import Holdout
from azureml_gate.latency import LOAD_ROWS
from azureml_gate.service_rows import TypedRows, typed_for
from azureml_gate.service_scores import PURPOSE, Scores, labels_of, score_holdout
from azureml_workspace.protocol import Workspace

_SHOWN_REFUSALS = 3
_LABELLED_ROWS = 200
"""Rows whose labels are asked for, to see which class each probability is of."""


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A contestant whose contract is known, and the holdout's rows as it wants them."""

    contestant: Contestant
    key: str | None = field(repr=False)
    contract: ServiceContract
    typed: TypedRows = field(repr=False)

    @property
    def sample(self) -> list[Mapping[str, Any]]:
        """A few rows that it takes."""
        return [self.typed.rows[place] for place in sorted(self.typed.rows)[:LOAD_ROWS]]

    @property
    def target(self) -> Target:
        """What a load on it is sent to."""
        return Target(scoring_uri=self.contestant.service.scoring_uri, key=self.key, body=encode_request(self.sample))


@dataclass(frozen=True, kw_only=True)
class Side:
    """An entrant that was asked. `order` are the classes of the columns of its scores."""

    entrant: Entrant
    scores: Scores
    order: tuple[str, ...]

    @property
    def figures(self) -> ModelFigures:
        """What is known so far."""
        contestant = self.entrant.contestant
        reasons = [f"row {place + 1}, {reason}" for place, reason in sorted(self.scores.refusals.items())]
        return ModelFigures(
            name=contestant.version.name,
            version=contestant.version.version,
            service=contestant.service.name,
            drop_key=contestant.tag(DROP_KEY_TAG),
            dataset=contestant.dataset,
            holdout_split=contestant.tag(SPLIT_TAG),
            classes=self.order,
            refused_rows=len(reasons),
            refusals=tuple(reasons[:_SHOWN_REFUSALS]),
        )


def enter(contestant: Contestant, holdout: Holdout, key: str | None) -> Entrant:
    """Read the service's contract, and type the rows by it. :raises EndpointError: it does not answer."""
    service = contestant.service
    try:
        contract = ServiceContract.fetch(service.scoring_uri, key, swagger_uri=service.swagger_uri)
    except (UnexpectedReply, EndpointNotFound):
        # A script of somebody's own may publish none; then it gets the rows as the dataset has them.
        contract = ServiceContract(document={}, title="", version="", input_schema={}, output_schema={})
    return Entrant(contestant=contestant, key=key, contract=contract, typed=typed_for(contract, holdout))


def question(workspace: Workspace, entrant: Entrant) -> Side:
    """Have the service score all rows that it takes.

    :raises EndpointError: as `score_holdout`. :raises InvalidRequest: nobody knows the order of its classes.
    """
    contestant = entrant.contestant
    with ScoringClient(contestant.service.scoring_uri, entrant.key, purpose=PURPOSE) as client:
        scores = score_holdout(client, entrant.typed)
        some = scores.places[:_LABELLED_ROWS].tolist()
        if not some:
            return Side(entrant=entrant, scores=scores, order=())
        labels = labels_of(client, [entrant.typed.rows[place] for place in some])
    order = class_order(
        workspace,
        contestant.model,
        entrant.contract,
        probabilities=scores.probabilities[: len(some)],
        labels=labels,
    )
    return Side(entrant=entrant, scores=scores, order=order)
