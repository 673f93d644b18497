"""Which accepted drop another one is compared with, and its rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from azureml_drops.validation_report import Baseline
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetVersion

if TYPE_CHECKING:
    from azureml_drops.validation import BaselineData

KEY_TAG = "drop_key"
"""The tag of a dataset version that names the drop whose content it is."""


def choose_baseline(versions: Iterable[DatasetVersion], key: str) -> Baseline | None:
    """The accepted drop with the greatest key below `key`, else the one with the least key above.

    Of several contents of one drop, the newest version.
    """
    newest: dict[str, DatasetVersion] = {}
    for version in sorted(versions, key=lambda version: version.version):
        other = version.tags.get(KEY_TAG, "")
        if other and other != key:
            newest[other] = version
    if not newest:
        return None
    below = [other for other in newest if other < key]
    chosen = newest[max(below) if below else min(newest)]
    return Baseline(key=chosen.tags[KEY_TAG], version=chosen.version, rows=chosen.rows)


def fetch_baseline(workspace: Workspace, dataset: str, baseline: Baseline, folder: Path, *, label: str) -> BaselineData:
    """The baseline's rows, read into `folder`, which exists."""
    from azureml_drops.drop_data import read_drop_data  # typing rows takes Arrow: not worth the parse of every DAG
    from azureml_drops.validation import BaselineData

    file = workspace.download_dataset(dataset, baseline.version, folder)
    data = read_drop_data(Path(file.path), folder, separator=file.separator, encoding=file.encoding, label=label)
    return BaselineData(of=baseline, data=data)
