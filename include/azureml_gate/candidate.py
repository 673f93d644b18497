"""Candidate services: what they are called, and how one is told from a service that clients use."""

from __future__ import annotations

import hashlib

from azureml_workspace.records import WebService

CANDIDATE_TAG = "candidate_of"
"""Of a candidate service: the live service that its model may replace."""

_LONGEST_NAME = 32
_MARK_CHARACTERS = 8
"""Of what tells the candidates of a service apart."""


def candidate_service(service: str, key: str) -> str:
    """The name of the web service in which the model of a training is tried: valid, and one per training."""
    return _named_after(service, f"-{key[:_MARK_CHARACTERS]}")


def candidate_name(service: str, model: str) -> str:
    """The name of the service in which a model of no drop is tried: the same each time, another for another model.

    `service` is the live service. Within Azure's rule for names of services.
    """
    digest = hashlib.sha256(f"{service}\n{model}".encode()).hexdigest()[:_MARK_CHARACTERS]
    return _named_after(service, f"-c-{digest}")


def is_candidate(service: WebService) -> bool:
    """Whether it was deployed as one."""
    return CANDIDATE_TAG in service.tags


def _named_after(service: str, ending: str) -> str:
    return service[: _LONGEST_NAME - len(ending)].rstrip("-") + ending
