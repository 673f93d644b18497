from __future__ import annotations

from datetime import UTC, datetime

import pytest

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ChildRun, ColumnSchema, DatasetVersion, ServiceKeys
from azureml_workspace.statuses import RunStatus, ServiceState

pytestmark = pytest.mark.unit


def test_to_dict_holds_plain_json_types_only() -> None:
    record = DatasetVersion(
        name="d",
        version=1,
        fingerprint="sha256:0",
        rows=1,
        columns=(ColumnSchema(name="a", kind="integer"),),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        profile_uri="u",
    )
    data = record.to_dict()
    assert data["columns"] == [{"name": "a", "kind": "integer", "nullable": False}]
    assert type(data["columns"]) is list
    assert data["created_at"] == "2026-11-21T00:00:00Z"
    assert DatasetVersion.from_dict(data) == record


def test_what_is_read_without_its_defaults_is_written_with_them() -> None:
    read = DatasetVersion.from_dict(
        {
            "name": "d",
            "version": 1,
            "fingerprint": "sha256:0",
            "rows": 1,
            "columns": [{"name": "a", "kind": "integer"}],
            "created_at": "2026-11-21T00:00:00Z",
            "profile_uri": "u",
        }
    )
    assert read.to_dict()["columns"] == [{"name": "a", "kind": "integer", "nullable": False}]
    assert read.to_dict()["tags"] == {}


def test_from_dict_ignores_what_it_does_not_know_and_names_what_is_wrong() -> None:
    child = {
        "run_id": "r_1",
        "parent_run_id": "r",
        "iteration": 1,
        "algorithm": "LightGBM",
        "status": "Teleporting",
        "score": None,
        "duration_seconds": 1.5,
        "new": 1,
    }
    assert ChildRun.from_dict(child).status is RunStatus.UNKNOWN
    with pytest.raises(InvalidRequest, match="iteration"):
        ChildRun.from_dict(child | {"iteration": "one"})
    with pytest.raises(InvalidRequest, match="status"):
        ChildRun.from_dict(child | {"status": 3})


@pytest.mark.parametrize("text", ["", "completed", "Exploded"])
def test_unknown_statuses(text: str) -> None:
    assert RunStatus.parse(text) is RunStatus.UNKNOWN
    assert ServiceState.parse(text) is ServiceState.UNKNOWN
    assert not RunStatus.parse(text).is_terminal


def test_keys_are_not_shown() -> None:
    assert "s3cret" not in repr(ServiceKeys(primary="s3cret", secondary="s3cret"))
