"""Decisions as documents: each is written once, whole, and never changed."""

from __future__ import annotations

import hashlib
import json
import re

from azureml_gate.decision import DecisionRecord, GateRequest, Versioned, decision_path
from azureml_workspace.documents import find_document
from azureml_workspace.errors import Conflict
from azureml_workspace.protocol import Workspace

_DIGEST_CHARACTERS = 12
_NAME_CHARACTERS = 60


def decision_id(request: GateRequest, champion: Versioned | None, supersedes: str) -> str:
    """The same for the same question: who asks again finds what was decided; with another champion it is another one.

    It begins with the challenger's drop key, if it has one, and its version, for a person who looks through a list.
    """
    asked = json.dumps([request.to_dict(), champion and champion.to_dict(), supersedes], sort_keys=True)
    digest = hashlib.sha256(asked.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    begins = re.sub(r"[^A-Za-z0-9._-]", "-", request.drop_key).lstrip("._-")[:_NAME_CHARACTERS] or "model"
    return f"{begins}-v{request.challenger.version}-{digest}"


def find_decision(workspace: Workspace, service: str, decision: str) -> DecisionRecord | None:
    """The decision, None when there is none."""
    found = find_document(workspace, decision_path(service, decision))
    return None if found is None else DecisionRecord.from_dict(found.content)


def read_decision(workspace: Workspace, path: str) -> DecisionRecord:
    """The decision at that path. :raises NotFound:"""
    return DecisionRecord.from_dict(workspace.read_document(path).content)


def store_decision(workspace: Workspace, record: DecisionRecord) -> DecisionRecord:
    """Write it; when another try of the same question wrote its own meanwhile, that one counts and is returned."""
    try:
        workspace.write_document(record.path, record.to_dict(), expected=None)
    except Conflict:
        return read_decision(workspace, record.path)
    return record
