"""Batches through the operator, against a real service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.contract.conftest import settle
from tests.integration.after_deployment.conftest import Live, client_rows, deploy, task_context, write_csv
from tests.local_server import LocalServer, eventually

from airflow_azureml._waiting import TaskStopped
from airflow_azureml.operators.batch_score import AzureMLBatchScoreOperator
from azureml_batch.endpoint import BatchEndpoint
from azureml_batch.manifest import BatchManifest
from azureml_endpoint.score import ScoringClient
from azureml_workspace.errors import InvalidRequest, WorkspaceError
from azureml_workspace.records import ModelVersion

pytestmark = pytest.mark.integration


def batch(live: Live, data: Path, folder: Path, **given: Any) -> AzureMLBatchScoreOperator:
    arguments: dict[str, Any] = {"service": live.service.name, "data": str(data), "output_folder": str(folder)}
    return AzureMLBatchScoreOperator(task_id="score", **arguments | given)


def run(live: Live, data: Path, folder: Path, **given: Any) -> dict[str, Any]:
    return batch(live, data, folder, **given).execute(task_context())


def partition(result: dict[str, Any]) -> dict[str, list[Any]]:
    table = pq.ParquetFile(result["output"]).read()
    columns: dict[str, list[Any]] = table.to_pydict()
    return columns


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_becomes_a_partition(live: Live, tmp_path: Path) -> None:
    rows = client_rows(120, seed=1)
    data, folder = write_csv(tmp_path / "new rows.csv", rows, label=True), tmp_path / "out"
    context = task_context()
    result = batch(live, data, folder, id_columns=["customer"], rows_per_request=50).execute(context)
    assert (result["rows"], result["scored"], result["key"]) == (120, True, "new-rows")
    assert context.xcom["azureml_service_url"] == f"/azureml/services?name={live.service.name}"
    assert files(folder) == [f"service={live.service.name}/drop=new-rows/part-0.parquet"]
    columns = partition(result)
    assert list(columns) == [
        "row_number",
        "customer",
        "label",
        "probability_no",
        "probability_yes",
        "model_name",
        "model_version",
    ]
    assert columns["row_number"] == list(range(1, 121))
    assert columns["customer"] == [f"c{number:05d}" for number in range(120)]
    assert set(columns["model_version"]) == {1}
    with ScoringClient(live.service.scoring_uri, live.key) as client:
        assert columns["label"] == list(client.score(rows).result)
        proba = client.score(rows, "predict_proba").result
    assert columns["probability_yes"] == [row[1] for row in proba]
    assert BatchManifest.from_dict(live.workspace.read_document(result["document"]).content).rows == 120
    assert live.workspace.service_inputs(live.service.name, since_seconds=3600).rows == (), "a batch is no client"


def test_the_same_again_does_nothing_and_another_input_model_or_lost_file_does(
    live: Live, model: ModelVersion, tmp_path: Path
) -> None:
    data, folder = write_csv(tmp_path / "a.csv", client_rows(20, seed=1)), tmp_path / "out"
    first = run(live, data, folder)
    written = Path(first["output"]).stat().st_mtime_ns
    again = run(live, data, folder)
    assert (again["scored"], again["rows"]) == (False, 20)
    assert Path(first["output"]).stat().st_mtime_ns == written

    write_csv(data, client_rows(21, seed=1))
    assert (run(live, data, folder)["scored"], run(live, data, folder)["rows"]) == (True, 21)
    Path(first["output"]).unlink()
    assert run(live, data, folder)["scored"]
    assert run(live, data, folder, id_columns=["customer"])["scored"]
    other = live.workspace.register_model("after-other", model.run_id)
    deploy(live.workspace, live.service.name, other)
    changed = run(live, data, folder, id_columns=["customer"])
    assert (changed["scored"], changed["model"]["name"]) == (True, "after-other")
    assert files(folder) == [f"service={live.service.name}/drop=a/part-0.parquet"]


def test_a_batch_that_was_killed_leaves_nothing_and_the_next_one_is_whole(
    live: Live, local_server: LocalServer, tmp_path: Path
) -> None:
    data, folder = write_csv(tmp_path / "big.csv", client_rows(3000, seed=1)), tmp_path / "out"
    script = str(Path(__file__).with_name("batch_in_a_process.py"))
    before = live.workspace.service_requests(live.service.name).count
    process = subprocess.Popen(
        [sys.executable, script, live.service.name, str(data), str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        eventually(
            lambda: live.workspace.service_requests(live.service.name).count > before + 20, seconds=60, what="scoring"
        )
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=30) == -signal.SIGKILL
    assert not folder.exists() or files(folder) == []
    assert live.workspace.list_documents(f"batches/{live.service.name}") == []
    result = run(live, data, folder)
    assert (result["scored"], result["rows"]) == (True, 3000)
    assert partition(result)["row_number"] == list(range(1, 3001))


def test_what_a_killed_process_left_beside_the_partition_is_removed(live: Live, tmp_path: Path) -> None:
    data, folder = write_csv(tmp_path / "a.csv", client_rows(5, seed=1)), tmp_path / "out"
    place = folder / f"service={live.service.name}" / "drop=a"
    place.mkdir(parents=True)
    (place / ".tmp-0123").write_text("half")
    run(live, data, folder)
    assert files(folder) == [f"service={live.service.name}/drop=a/part-0.parquet"]


def in_the_middle(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None], *, request: int = 2) -> None:
    """Do something before that request of the first attempt."""
    score, asked = BatchEndpoint.score, []

    def score_then(self: BatchEndpoint, rows: Any) -> Any:
        asked.append(len(rows))
        if len(asked) == request:
            action()
        return score(self, rows)

    monkeypatch.setattr(BatchEndpoint, "score", score_then)


def test_a_champion_that_changes_in_the_middle_makes_a_partition_of_the_new_one(
    live: Live, model: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = live.workspace.register_model("after-other", model.run_id)
    in_the_middle(monkeypatch, lambda: (deploy(live.workspace, live.service.name, other), None)[1])
    result = run(live, write_csv(tmp_path / "a.csv", client_rows(30, seed=1)), tmp_path / "out", rows_per_request=10)
    assert (result["scored"], result["restarts"], result["model"]["name"]) == (True, 1, "after-other")
    assert set(partition(result)["model_name"]) == {"after-other"}


def test_a_change_that_is_under_way_at_the_end_counts(
    live: Live, local_server: LocalServer, model: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may answer with the next model before the workspace says so."""
    other = live.workspace.register_model("after-other", model.run_id)

    def begin() -> None:
        body = {"service_name": live.service.name, "model_name": other.name, "model_version": other.version}
        path = f"/v1/services/{live.service.name}"
        assert local_server.request("PUT", path, json=body | {"app_insights_enabled": True}).status_code == 200

    in_the_middle(monkeypatch, begin, request=3)
    result = run(live, write_csv(tmp_path / "a.csv", client_rows(30, seed=1)), tmp_path / "out", rows_per_request=10)
    assert (result["restarts"], result["model"]["name"]) == (1, "after-other")


def test_a_service_that_is_away_for_a_moment_is_waited_for(
    live: Live, local_server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill() -> None:
        status = json.loads((local_server.home / "services" / live.service.name / "status.json").read_text())
        os.kill(status["pid"], signal.SIGKILL)

    in_the_middle(monkeypatch, kill)
    result = run(live, write_csv(tmp_path / "a.csv", client_rows(30, seed=1)), tmp_path / "out", rows_per_request=10)
    assert (result["scored"], result["rows"]) == (True, 30)


def test_a_key_that_was_regenerated_in_the_middle_is_fetched_again(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_middle(monkeypatch, lambda: (live.workspace.regenerate_key(live.service.name), None)[1])
    assert run(live, write_csv(tmp_path / "a.csv", client_rows(30, seed=1)), tmp_path / "out", rows_per_request=10)[
        "scored"
    ]


def test_a_task_that_is_stopped_writes_nothing(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = batch(live, write_csv(tmp_path / "a.csv", client_rows(30, seed=1)), tmp_path / "out", rows_per_request=10)
    in_the_middle(monkeypatch, task.on_kill)
    with pytest.raises(TaskStopped):
        task.execute(task_context())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("visits,colour,price\n1,red,0.5\nmany,red,0.5\n", "row 2, column 'visits' is 'many'; the model takes integer"),
        ("visits,colour\n1,red\n", "no column 'price'"),
        ("visits,color,price\n1,red,0.5\n", "no column 'colour'; did you mean 'color'"),
        (
            "visits,colour,price\n1,red,0.5\n2,red,0.5\n,red,0.5\n",
            "refused rows 3 to 3 of the file, counted from 1: .*row 1, column 'visits'",
        ),
    ],
)
def test_rows_that_the_model_cannot_take_are_named(live: Live, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InvalidRequest, match=words):
        run(live, tmp_path / "a.csv", tmp_path / "out", rows_per_request=2)
    assert not (tmp_path / "out").exists()


def test_two_at_once_leave_one_whole_partition(live: Live, tmp_path: Path) -> None:
    data, folder = write_csv(tmp_path / "a.csv", client_rows(200, seed=1)), tmp_path / "out"
    troubles: list[WorkspaceError] = []

    def score() -> None:
        try:
            run(live, data, folder, rows_per_request=5)
        except WorkspaceError as error:
            troubles.append(error)

    threads = [threading.Thread(target=score) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all("another task" in str(error) for error in troubles)
    assert len(troubles) < 2
    settle(lambda: run(live, data, folder), lambda result: not result["scored"])
    assert partition(run(live, data, folder))["row_number"] == list(range(1, 201))
