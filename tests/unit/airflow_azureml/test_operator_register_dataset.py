from __future__ import annotations

import json
import tempfile
import traceback
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.sdk import DAG
from airflow.sdk._shared.secrets_masker import redact
from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext

from airflow_azureml._sources import require_column
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from azureml_workspace.records import ColumnSchema

pytestmark = pytest.mark.unit

CSV = b"age,duration,y\n1,2,0\n3,4,1\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "bank.csv"
    path.write_bytes(CSV)
    return path


def operator(**given: Any) -> AzureMLRegisterDatasetOperator:
    return AzureMLRegisterDatasetOperator(task_id="register_dataset", **({"name": "bank"} | given))


def test_result(workspace: FakeWorkspace, context: TaskContext, csv: Path) -> None:
    result = operator(data=str(csv), tags={"drop": 3}, label_column_name="y").execute(context)  # type: ignore[arg-type]
    assert result == {
        "name": "bank",
        "version": 1,
        "fingerprint": "sha256:" + "ab" * 32,
        "rows": 2,
        "columns": 3,
        "schema": [{"name": name, "kind": "integer"} for name in ("age", "duration", "y")],
        "profile_uri": "http://w/profile",
        "created": True,
    }
    assert workspace.uploaded == CSV
    assert workspace.dataset_tags == {"drop": "3"}


@pytest.mark.parametrize("uri", ["file://{path}", "file://localhost{path}"])
def test_file_uri(workspace: FakeWorkspace, context: TaskContext, csv: Path, uri: str) -> None:
    operator(data=uri.format(path=csv)).execute(context)  # type: ignore[arg-type]
    assert workspace.uploaded == CSV


def test_three_thousand_columns_stay_out_of_xcom(workspace: FakeWorkspace, context: TaskContext, csv: Path) -> None:
    workspace.columns = tuple(ColumnSchema(name=f"column number {n}", kind="number") for n in range(3000))
    result = operator(data=str(csv)).execute(context)  # type: ignore[arg-type]
    assert result["columns"] == 3000
    assert 10 < len(result["schema"]) < 200
    assert len(json.dumps(result)) < 8192


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"label_column_name": "Y"}, "label_column_name is 'Y', which is not a column of bank.csv; it has age, dur"),
        ({"label_column_name": "duratoin"}, "did you mean 'duration'?"),
        ({"name": " "}, "name is ' '"),
        ({"name": "my data"}, "dataset name 'my data' is not valid"),
        ({"data": ""}, "data is ''"),
        ({"data": "https://[::1/a.csv"}, "https://[::1/a.csv is not a valid address"),
        ({"encoding": ""}, "encoding is ''"),
        ({"tags": ["a"]}, "tags is ['a']"),
        ({"data": "file://host/path.csv"}, "names the host 'host'"),
        ({"data": "nothing://bucket/x.csv"}, "source_conn_id"),
        ({"max_download_mb": "lots"}, "max_download_mb is 'lots'"),
    ],
)
def test_bad_arguments(
    workspace: FakeWorkspace, context: TaskContext, csv: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        operator(**({"data": str(csv)} | given)).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert workspace.names() == []


def test_byte_order_mark_and_tabs_do_not_hide_the_label(
    workspace: FakeWorkspace, context: TaskContext, tmp_path: Path
) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("\ufeffy\t age \n1\t2\n".encode())
    operator(data=str(path), label_column_name="y", separator="\\t").execute(context)  # type: ignore[arg-type]
    operator(data=str(path), label_column_name="age", separator="\t").execute(context)  # type: ignore[arg-type]
    sources = [what for call, what in workspace.calls if call == "register_dataset"]
    assert [source.separator for source in sources] == ["\t", "\t"]


def test_another_encoding(workspace: FakeWorkspace, context: TaskContext, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Größe,y\n1,2\n".encode("cp1252"))
    workspace.columns = (ColumnSchema(name="Größe", kind="integer"), ColumnSchema(name="y", kind="integer"))
    operator(data=str(path), label_column_name="Größe", encoding="cp1252").execute(context)  # type: ignore[arg-type]
    source = next(what for call, what in workspace.calls if call == "register_dataset")
    assert source.encoding == "cp1252"
    with pytest.raises(InvalidRequest, match="did you mean 'Größe'"):
        operator(data=str(path), label_column_name="Grösse", encoding="cp1252").execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given", [{"encoding": "no-such-codec"}, {"encoding": "ascii"}, {"encoding": "utf-16"}, {"separator": ";;"}]
)
def test_what_cannot_be_read_here_is_the_workspaces_to_judge(
    workspace: FakeWorkspace, context: TaskContext, tmp_path: Path, given: dict[str, str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("äge,y\n1,2\n".encode())
    operator(data=str(path), label_column_name="y", **given).execute(context)  # type: ignore[arg-type]
    assert "register_dataset" in workspace.names()


class Download:
    """`requests.get` that answers from a script."""

    def __init__(self, status: int = 200, body: bytes = CSV, content_type: str = "text/csv") -> None:
        self.status_code, self.body, self.reason = status, body, "Reason"
        self.headers = {"Content-Type": content_type}

    def __call__(self, url: str, **_: Any) -> Download:
        return self

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def iter_content(self, _size: int) -> Any:
        yield self.body[:5]
        yield self.body[5:]


def test_download(workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "get", Download())
    operator(data="https://example.org/bank.csv?sig=s3cret", label_column_name="y").execute(context)  # type: ignore[arg-type]
    assert workspace.uploaded == CSV
    source = next(what for call, what in workspace.calls if call == "register_dataset")
    assert not Path(source.path).exists()


@pytest.mark.parametrize(
    ("download", "error", "words"),
    [
        (Download(404), InvalidRequest, "answered 404 Reason; check the address"),
        (Download(503), ServiceUnavailable, "answered 503"),
        (Download(content_type="text/html; charset=utf-8"), InvalidRequest, "is a web page, not a CSV"),
        (Download(body=b"x" * 2_000_000), InvalidRequest, "larger than 1 MB; raise max_download_mb"),
    ],
)
def test_download_that_goes_wrong(
    workspace: FakeWorkspace,
    context: TaskContext,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    download: Download,
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.setattr(requests, "get", download)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(error, match=words) as caught:
        operator(data="https://user:pw@example.org/a.csv?sig=s3cret", max_download_mb=1).execute(context)  # type: ignore[arg-type]
    assert "s3cret" not in str(caught.value)
    assert "pw@" not in str(caught.value)
    assert workspace.names() == []
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_no_system_has_is_the_workspaces_to_judge() -> None:
    require_column(Path("a\0.csv"), "y", separator=",", encoding="utf-8")


def test_what_authorises_a_download_is_masked_before_the_rendered_field_is_stored() -> None:
    uri = "https://someone:pass%20word@example.org/a.csv?se=2026-12-31&sig=aGVsbG8gd29ybGQ%3D"
    with DAG("d", schedule=None):
        task = operator(data="{{ params.data }}")
    task.render_template_fields({"params": {"data": uri}})  # type: ignore[typeddict-item]
    assert task.data == uri
    stored = str(_serialize_rendered_fields(task)["data"])
    assert "example.org/a.csv" in stored
    logged = str(redact(f"GET {uri} with aGVsbG8gd29ybGQ= by someone"))
    for secret in ("pass%20word", "aGVsbG8gd29ybGQ"):
        assert secret not in stored + logged


def test_download_without_network(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(url: str, **_: Any) -> None:
        raise requests.ConnectionError(f"Max retries exceeded with url: {url}")

    monkeypatch.setattr(requests, "get", offline)
    secret = "s3cr3t"
    with pytest.raises(ServiceUnavailable, match="give a local file, or try again later") as caught:
        operator(data=f"https://example.org/a.csv?sig={secret}").execute(context)  # type: ignore[arg-type]
    assert secret not in "".join(traceback.format_exception(caught.value))
