"""Two registrations of one content at once, on a service that makes a version of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from azureml_workspace.azure_v1.sdk import datasets
from azureml_workspace.azure_v1.stored_file import FOLDER_TAG

pytestmark = pytest.mark.unit


@dataclass
class Registered:
    version: int
    folder: str
    name: str = "people"
    tags: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.tags = {FOLDER_TAG: self.folder}


@pytest.mark.parametrize(
    ("folders", "mine", "before", "lowest"),
    [
        (["same", "same"], 2, 0, 1),
        (["other", "same", "same"], 3, 0, 2),
        (["same", "other", "same", "same"], 4, 2, 3),
        (["same"], 1, 0, 1),
        (["other", "same"], 2, 1, 2),
    ],
)
def test_everybody_takes_the_lowest(
    monkeypatch: pytest.MonkeyPatch, folders: list[str], mine: int, before: int, lowest: int
) -> None:
    versions = {number: Registered(number, folder) for number, folder in enumerate(folders, 1)}
    monkeypatch.setattr(datasets, "_find_version", lambda _workspace, _name, version: versions.get(version))
    workspace: Any = object()
    found: Any = versions[mine]
    assert datasets._first_holding(workspace, found, "same", before).version == lowest
