"""Two registrations of one content at once, on a service that makes a version of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from azureml_workspace.azure_v1.sdk import datasets
from azureml_workspace.azure_v1.stored_file import KEY_TAG

pytestmark = pytest.mark.unit


@dataclass
class Registered:
    version: int
    key: str
    name: str = "people"
    tags: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.tags = {KEY_TAG: self.key}


@pytest.mark.parametrize(
    ("keys", "mine", "last", "lowest"),
    [
        (["same", "same"], 2, 0, 1),
        (["other", "same", "same"], 3, 0, 2),
        (["same", "other", "same", "same"], 4, 2, 3),
        (["same"], 1, 0, 1),
        (["other", "same"], 2, 1, 2),
    ],
)
def test_everybody_takes_the_lowest(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], mine: int, last: int, lowest: int
) -> None:
    versions = {number: Registered(number, key) for number, key in enumerate(keys, 1)}
    monkeypatch.setattr(datasets, "_find_version", lambda _workspace, _name, version: versions.get(version))
    workspace: Any = object()
    found: Any = versions[mine]
    assert datasets._first_holding(workspace, found, "same", last).version == lowest
