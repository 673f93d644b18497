"""Drops registered and prepared by their operators, with the real hook and the real local server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from tests.integration.airflow_azureml.conftest import TaskContext, connect
from tests.integration.drops.drop_files import rows
from tests.local_server import LocalServer

from airflow_azureml.operators.prepare_training import AzureMLPrepareTrainingOperator
from airflow_azureml.operators.register_drop import AzureMLRegisterDropOperator
from azureml_drops.ledger import DropStatus, read_drop
from azureml_drops.registered import DropQuarantined
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.integration


class Drops:
    """A dataset of drops, each a folder of files."""

    def __init__(self, folder: Path, name: str, workspace: Workspace) -> None:
        self.folder, self.name, self.workspace = folder, name, workspace

    def write(self, key: str, *files: list[str]) -> None:
        for place, lines in enumerate(files):
            path = self.folder / key / f"part-{place}.csv"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(["a;b;y", *(line.replace(",", ";") for line in lines)]) + "\n")

    def register(self, key: str | None, context: Any = None, **given: Any) -> dict[str, Any]:
        arguments = {"drops": f"{self.folder}/{{key}}/", "separator": ";", "label_column_name": "y", **given}
        task = AzureMLRegisterDropOperator(task_id="register_drop", name=self.name, drop_key=key, **arguments)
        return task.execute(context or TaskContext("register_drop"))

    def prepare(self, drop: dict[str, Any], **given: Any) -> dict[str, Any]:
        task = AzureMLPrepareTrainingOperator(task_id="prepare_training", drop=drop, service="bank-marketing", **given)
        return task.execute(TaskContext("prepare_training"))  # type: ignore[arg-type]

    def statuses(self, key: str) -> list[DropStatus]:
        record = read_drop(self.workspace, self.name, key)
        return [event.status for event in record.events] if record else []


@pytest.fixture
def drops(
    local_server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Drops:
    connect(monkeypatch, local_server)
    return Drops(tmp_path, request.node.name.replace("_", "-")[5:200], local_server.workspace())


def test_folders_become_training_data_and_a_holdout(drops: Drops) -> None:
    drops.write("week-1", rows(1), rows(2))
    drops.write("week-2", rows(3))
    context = TaskContext("register_drop")
    registered = drops.register("latest", context)
    assert (registered["drop_key"], registered["version"], registered["rows"]) == ("week-2", 1, 60)
    assert context.xcom["azureml_dataset_url"] == f"/azureml/data?name={drops.name}&version=1"
    assert registered["settings"]["separator"] == ";"
    prepared = drops.prepare(registered, window="all", holdout_share="0.3", training_settings={"seed": 1})
    assert (prepared["name"], prepared["version"]) == (f"{drops.name}-training", 1)
    assert [(drop["key"], drop["version"], drop["rows"]) for drop in prepared["drops"]] == [
        ("week-1", 2, 120),
        ("week-2", 1, 60),
    ]
    assert prepared["rows"] + prepared["holdout"]["rows"] == 180
    assert prepared["candidate_service"] == f"bank-marketing-{prepared['training_key'][:8]}"
    assert prepared["model_tags"] == {
        "drop_dataset": drops.name,
        "drop_key": "week-2",
        "training_key": prepared["training_key"],
        "holdout_split": prepared["holdout_split"],
        "holdout_dataset": f"{drops.name}-holdout",
        "holdout_dataset_version": "1",
        "window": "all",
    }
    assert prepared["trained_model"] is None
    assert drops.prepare(registered, window="all", holdout_share=0.3, training_settings='{"seed": 1}') == prepared
    assert drops.prepare(registered, window="all", holdout_share=0.3)["training_key"] != prepared["training_key"]
    assert len(json.dumps([registered, prepared])) < 6_000


def test_a_bad_drop_fails_or_skips_the_task_and_a_person_may_take_it(drops: Drops) -> None:
    drops.write("week-1", rows(1))
    drops.write("week-2", rows(2, shift=40))
    drops.register("week-1")
    with pytest.raises(DropQuarantined, match=r"Drop week-2 is quarantined: Column 'a' is outside .*accept_refused"):
        drops.register("week-2")
    with pytest.raises(AirflowSkipException, match="Drop week-2 is quarantined"):
        drops.register("week-2", on_bad_drop="skip")
    assert drops.statuses("week-2") == [DropStatus.QUARANTINED]
    taken = drops.register("week-2", accept_refused=True)
    assert drops.workspace.get_dataset(drops.name, taken["version"]).tags["drop_accepted"] == "by hand"


def test_missing_and_repeated_drops_skip_the_task(drops: Drops) -> None:
    with pytest.raises(AirflowSkipException, match="There is no drop at"):
        drops.register("latest")
    for _ in range(2):
        with pytest.raises(AirflowSkipException, match="Drop week-1 is missing: nothing is at"):
            drops.register("week-1")
    assert drops.statuses("week-1") == [DropStatus.MISSING]
    for key in ("week-1", "week-2"):
        drops.write(key, rows(1))
    assert drops.register("week-1")["version"] == 1
    with pytest.raises(AirflowSkipException, match="Drop week-2 holds the content of drop week-1"):
        drops.register("week-2")


def test_a_drop_that_was_written_just_now_is_not_there_yet(drops: Drops) -> None:
    drops.write("week-1", rows(1))
    with pytest.raises(AirflowSkipException):
        drops.register("week-1", settle_seconds=3600)


def test_files_that_do_not_fit_together_are_an_error_that_is_noted(drops: Drops) -> None:
    drops.write("week-1", rows(1), rows(2))
    second = drops.folder / "week-1" / "part-1.csv"
    second.write_text(second.read_text().replace("a;b;y", "a;c;y"))
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="has another header than"):
            drops.register("week-1")
    assert drops.statuses("week-1") == [DropStatus.FAILED]


def test_another_dag_run_at_work_on_the_same_is_left_alone(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    drops.write("week-1", rows(1))
    registered = drops.register("week-1")
    first = drops.prepare(registered)
    context = TaskContext("prepare_training")
    context["ti"].run_id = "manual__2"
    task = AzureMLPrepareTrainingOperator(task_id="prepare_training", drop=registered, service="bank-marketing")
    for state, error in (("running", "is being trained on by integration/manual__1"), ("failed", None)):
        context["ti"].get_dagrun_state = lambda state=state, **_: state
        if error:
            with pytest.raises(AirflowSkipException, match=error):
                task.execute(context)  # type: ignore[arg-type]
        else:
            assert task.execute(context) == first  # type: ignore[arg-type]


def test_a_split_without_both_classes_says_what_to_do(drops: Drops) -> None:
    drops.write("week-1", [line.replace("yes", "no") for line in rows(1)])
    registered = drops.register("week-1", validation={"min_classes": None})
    with pytest.raises(InvalidRequest, match="Give a wider window"):
        drops.prepare(registered)
