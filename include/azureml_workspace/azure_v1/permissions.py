"""Whether the identity that signed in may do on the workspace what a DAG does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.errors import NotFound, Unauthorized

_API_VERSION = "2022-04-01"
_PROVIDER = "Microsoft.MachineLearningServices/workspaces"
_NEEDED = {
    f"{_PROVIDER}/datasets/registered/write": "register datasets",
    f"{_PROVIDER}/experiments/runs/submit/action": "submit runs",
    f"{_PROVIDER}/models/write": "register models",
    f"{_PROVIDER}/services/aci/write": "deploy web services",
}


def require_role(azure: AzureConnection) -> None:
    """Ask Resource Manager what the identity may do ("Permissions - List For Resource").

    Who may not even ask that may still do the rest, so a refusal of the question is no error.

    :raises Unauthorized: it may see the workspace, and not work with it.
    """
    url = f"{azure.cloud.resource_manager}{azure.arm_id}/providers/Microsoft.Authorization/permissions"
    try:
        found = azure.rest.json("GET", url, query={"api-version": _API_VERSION})
    except (NotFound, Unauthorized):
        return
    granted: list[dict[str, Any]] = found.get("value") or []
    missing = [words for action, words in _NEEDED.items() if not any(_allows(entry, action) for entry in granted)]
    if missing:
        raise Unauthorized(
            f"the identity may see workspace {azure.settings.workspace_name} but not {', '.join(missing)}: give it the "
            "role AzureML Data Scientist on the workspace (Azure portal: Access control (IAM), Add role assignment), "
            "which takes some minutes to count."
        )


def _allows(entry: dict[str, Any], action: str) -> bool:
    return _matches(entry.get("actions"), action) and not _matches(entry.get("notActions"), action)


def _matches(patterns: Iterable[str] | None, action: str) -> bool:
    """`*` in a pattern stands for anything, also for slashes; case does not matter."""
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), action, re.IGNORECASE) for pattern in patterns or ()
    )
