from __future__ import annotations

from typing import Any

import pytest

from azureml_local.azure_api.model_management.json_patch import changed_fields
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

DOCUMENT = {"kvTags": {"a": "b"}, "description": None, "properties": None}


def test_fields_and_entries() -> None:
    patch = [
        {"op": "replace", "path": "/description", "value": "words"},
        {"op": "add", "path": "/kvTags/c", "value": "d"},
        {"op": "remove", "path": "/kvTags/a"},
        {"op": "add", "path": "/properties/x~1y", "value": "z"},
    ]
    assert changed_fields(DOCUMENT, patch) == {
        "description": "words",
        "kvTags": {"c": "d"},
        "properties": {"x/y": "z"},
    }
    assert DOCUMENT["kvTags"] == {"a": "b"}


@pytest.mark.parametrize(
    "patch",
    [
        {"op": "replace"},
        ["replace"],
        [{"op": "move", "path": "/a", "from": "/b"}],
        [{"op": "replace", "path": "a", "value": 1}],
        [{"op": "replace", "path": "/a/b/c", "value": 1}],
        [{"op": "replace", "path": "/", "value": 1}],
    ],
)
def test_what_is_not_known_is_refused(patch: Any) -> None:
    with pytest.raises(InvalidRequest):
        changed_fields(DOCUMENT, patch)
