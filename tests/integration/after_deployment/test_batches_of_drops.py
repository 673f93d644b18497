"""Batches that are drops: by pattern and key, on this machine and from and to a Blob storage."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowSkipException
from azure.storage.blob import ContainerClient
from tests.azurite_server import ACCOUNT, WRONG_KEY, AzuriteServer
from tests.integration.after_deployment.conftest import Live, client_rows, task_context, write_csv

from airflow_azureml.operators.batch_score import AzureMLBatchScoreOperator
from azureml_workspace.errors import InvalidRequest, Unauthorized

pytestmark = pytest.mark.integration


def run(live: Live, **given: Any) -> dict[str, Any]:
    task = AzureMLBatchScoreOperator(task_id="score", **{"service": live.service.name} | given)
    return task.execute(task_context())


def test_a_drop_of_a_day(live: Live, tmp_path: Path) -> None:
    for day, rows in (("01", 10), ("02", 20)):
        write_csv(tmp_path / f"2026-11-{day}.csv", client_rows(rows, seed=1))
    given = {"pattern": f"{tmp_path}/{{date}}.csv", "output_folder": str(tmp_path / "out")}
    first = run(live, drop_key="2026-11-01", **given)
    assert (first["rows"], first["key"]) == (10, "2026-11-01")
    assert first["output"].endswith(f"service={live.service.name}/drop=2026-11-01/part-0.parquet")
    assert run(live, drop_key="latest", **given)["rows"] == 20
    with pytest.raises(AirflowSkipException, match="no drop 2026-11-03"):
        run(live, drop_key="2026-11-03", **given)


def test_a_folder_of_files_is_one_batch(live: Live, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_csv(tmp_path / "a" / "1.csv", client_rows(3, seed=1))
    write_csv(tmp_path / "a" / "2.csv", client_rows(4, seed=2))
    assert run(live, pattern=f"{tmp_path}/{{key}}/", drop_key="a", output_folder=str(tmp_path / "out"))["rows"] == 7


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "neither is given"),
        ({"data": "a.csv", "pattern": "{date}.csv", "drop_key": "2026-11-01"}, "both are given"),
        ({"pattern": "{date}.csv"}, "without drop_key"),
        ({"pattern": "{date}.csv", "drop_key": "yesterday"}, "yesterday"),
        ({"pattern": "a.csv", "drop_key": "x"}, "no placeholder"),
        ({"data": "a.csv", "key": "a/b"}, "a/b"),
        ({"data": "a.csv", "rows_per_request": 0}, "rows_per_request is 0"),
        ({"data": "a.csv", "timeout": 0}, "timeout is 0"),
        ({"data": "a.csv", "output_folder": "https://x/y"}, "output_folder is https://x/y"),
        ({"data": "a.csv", "output_folder": "file://host/y"}, "three slashes"),
        ({"data": "a.csv", "output_folder": "abfs://c@a/x?sig=abc"}, "keep passwords"),
        ({"data": "/nowhere/a.csv"}, "/nowhere/a.csv"),
    ],
)
def test_a_mistake_is_named_before_anything_is_scored(live: Live, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        run(live, **{"output_folder": "out"} | given)


@pytest.fixture
def container(azurite: AzuriteServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerClient]:
    monkeypatch.setenv("AIRFLOW_CONN_BLOBS", azurite.connection("wasb"))
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_KEY", azurite.connection("wasb", WRONG_KEY))
    client = azurite.container(f"batch-{uuid4().hex[:8]}")
    yield client
    client.delete_container()


def test_from_and_to_a_blob_storage(live: Live, container: ContainerClient, tmp_path: Path) -> None:
    rows = write_csv(tmp_path / "rows.csv", client_rows(10, seed=1)).read_bytes()
    container.upload_blob("new/2026-11-01.csv", rows)
    address = f"wasbs://{container.container_name}@{ACCOUNT}.blob.core.windows.net"
    given = {
        "pattern": f"{address}/new/{{date}}.csv",
        "drop_key": "2026-11-01",
        "source_conn_id": "blobs",
        "output_folder": f"{address}/scored/",
        "output_conn_id": "blobs",
    }
    result = run(live, **given)
    assert (result["scored"], result["rows"]) == (True, 10)
    blob = f"scored/service={live.service.name}/drop=2026-11-01/part-0.parquet"
    assert result["output"] == f"{address}/{blob}"
    content = container.download_blob(blob).readall()
    assert pq.ParquetFile(io.BytesIO(content)).metadata.num_rows == 10
    assert not run(live, **given)["scored"]
    container.delete_blob(blob)
    assert run(live, **given)["scored"]

    with pytest.raises(Unauthorized, match=r"may not be written .* output_conn_id"):
        run(live, **given | {"output_conn_id": "wrong_key", "id_columns": ["customer"]})
    with pytest.raises(InvalidRequest, match="does not exist; make the container first"):
        run(live, **given | {"output_folder": "abfs://nowhere/x"})
