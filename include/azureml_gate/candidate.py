"""Candidate services: what they are called, and how one is told from a service that clients use."""

from __future__ import annotations

import hashlib

from azureml_workspace.records import WebService

CANDIDATE_TAG = "candidate_of"
"""Of a candidate service: the live service that its model may replace."""

_LONGEST_NAME = 32
_DIGEST_CHARACTERS = 8


def candidate_name(service: str, model: str) -> str:
    """The name of the service in which a model of no drop is tried: the same each time, another for another model.

    `service` is the live service. Within Azure's rule for names of services.
    """
    digest = hashlib.sha256(f"{service}\n{model}".encode()).hexdigest()[:_DIGEST_CHARACTERS]
    ending = f"-c-{digest}"
    return service[: _LONGEST_NAME - len(ending)].rstrip("-") + ending


def is_candidate(service: WebService) -> bool:
    """Whether it was deployed as one."""
    return CANDIDATE_TAG in service.tags
