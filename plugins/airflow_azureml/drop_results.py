"""What the operators for drops return: small JSON objects in XCom."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_azureml.results import VersionResult
from azureml_drops.drop_settings import DropSettings
from azureml_workspace.records import Record

MAX_DROPS = 60
MAX_LEFT_OUT = 20
MAX_NOTES = 10


@dataclass(frozen=True, kw_only=True)
class RegisteredDropResult(Record):
    """A drop that is registered, and how the drops of its dataset are read.

    `name` and `version` are the dataset version that holds it. `replaces` is the version of the same drop with other
    content, None for none. `report` is the path of the validation report. `file_found` is False when the file was put
    away since the drop was registered.
    """

    name: str
    version: int
    rows: int
    fingerprint: str
    drop_key: str
    replaces: int | None
    report: str
    file_found: bool
    source_conn_id: str | None
    settings: DropSettings


@dataclass(frozen=True, kw_only=True)
class WindowDropResult(Record):
    """A drop that is trained on."""

    key: str
    version: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class LeftOutResult(Record):
    """A drop that is not trained on, and why not."""

    key: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class HoldoutResult(Record):
    """The dataset version that a model is judged by."""

    name: str
    version: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class PreparedTrainingResult(Record):
    """What to train on; the AutoML operator takes it as its `dataset`. `name` and `version` are the training data.

    `model_tags` are for the model that comes of it. `candidate_service` names the web service in which it is tried.
    `drops` are the newest of `drops_count`, `left_out` the newest of `left_out_count`. `trained_model` is there when an
    earlier run trained this already and the gate has not decided.
    """

    name: str
    version: int
    rows: int
    holdout: HoldoutResult
    label: str
    dataset: str
    drop_key: str
    training_key: str
    holdout_split: str
    window: str
    candidate_service: str
    model_tags: dict[str, str]
    drops: tuple[WindowDropResult, ...]
    drops_count: int
    left_out: tuple[LeftOutResult, ...]
    left_out_count: int
    notes: tuple[str, ...]
    trained_model: VersionResult | None
