"""The CSV of a run: the user's own, else the public Bank Marketing file, else rows generated like it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow_azureml.addresses import shown
from scripts.run.layout import Layout
from scripts.run.options import RunOptions


@dataclass(frozen=True)
class RunData:
    """`path` is a file or an address; `message` says where it comes from, loudly when it `is_generated`."""

    path: str
    message: str
    is_generated: bool = False


def obtain_data(layout: Layout, options: RunOptions) -> RunData:
    """The data that was asked for; nothing is downloaded when it was."""
    if options.data is not None:
        path = options.data if options.is_remote else str(Path(options.data).absolute())
        return RunData(path, shown(options.data))
    from mlops_config.sample_data import obtain_bank_marketing

    sample = obtain_bank_marketing(layout.data)
    return RunData(str(sample.path), sample.message, is_generated=sample.origin == "generated")
