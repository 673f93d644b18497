"""Drops in a Blob storage, through real Airflow connections to Azurite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported
from azure.storage.blob import ContainerClient
from tests.azurite_server import ACCOUNT, WRONG_KEY, AzuriteServer

# isort: split
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_azureml._drop_storage import ObjectStorage, storage_of
from airflow_azureml._object_storage import object_path
from airflow_azureml._sources import local_file
from azureml_drops.fetching import FetchedDrop, fetch_drop
from azureml_drops.finding import FoundDrop, find_drop, find_drops
from azureml_drops.pattern import DropPattern
from azureml_drops.storage import StorageEntry
from azureml_drops.transfer import DownloadLimits
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable, Unauthorized

pytestmark = pytest.mark.integration

LIMITS = DownloadLimits(max_bytes=10_000_000, seconds=60)
CONTENT = b"a,b\n1,2\n"


@pytest.fixture(autouse=True)
def connections(azurite: AzuriteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BLOBS", azurite.connection("wasb"))
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", azurite.connection("adls"))
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_KEY", azurite.connection("wasb", WRONG_KEY))


@pytest.fixture
def container(azurite: AzuriteServer) -> Iterator[ContainerClient]:
    client = azurite.container(f"drops-{uuid4().hex[:8]}")
    yield client
    client.delete_container()


def uri(scheme: str, container: ContainerClient) -> str:
    """As Airflow writes an address for some schemes, and as Azure does for others."""
    if scheme in {"wasbs", "abfss"}:
        return f"{scheme}://{container.container_name}@{ACCOUNT}.blob.core.windows.net"
    return f"{scheme}://{container.container_name}"


def fetch(pattern: DropPattern, found: FoundDrop, storage: ObjectStorage, folder: Path) -> FetchedDrop:
    return fetch_drop(pattern, found, storage, folder, limits=LIMITS)


@pytest.mark.parametrize("conn_id", ["blobs", "lake"])
@pytest.mark.parametrize("scheme", ["wasb", "wasbs", "abfs", "abfss"])
def test_files_are_listed_and_fetched(container: ContainerClient, tmp_path: Path, scheme: str, conn_id: str) -> None:
    for day in ("2026-11-02", "2026-11-01"):
        container.upload_blob(f"raw/{day}.csv", CONTENT)
    for other in ("raw/notes.txt", "raw/2026-11-03.csv.tmp", "raw/deeper/2026-11-04.csv", "2026-11-05.csv"):
        container.upload_blob(other, CONTENT)
    pattern = DropPattern.parse(f"{uri(scheme, container)}/raw/{{date}}.csv")
    storage = storage_of(pattern, conn_id)
    found = find_drops(pattern, storage)
    assert [drop.key for drop in found] == ["2026-11-01", "2026-11-02"]
    assert found[0] == find_drop(pattern, storage, "2026-11-01")
    assert found[0].path == f"{uri(scheme, container)}/raw/2026-11-01.csv"
    fetched = fetch_drop(pattern, found[0], storage, tmp_path, limits=LIMITS)
    assert Path(fetched.path).read_bytes() == CONTENT
    assert fetched.fingerprint == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.mark.parametrize("scheme", ["wasbs", "abfs"])
def test_a_folder_is_one_drop(container: ContainerClient, tmp_path: Path, scheme: str) -> None:
    for name in ("11/01/b.csv", "11/01/a.csv", "11/01/_SUCCESS", "11/01/old/c.csv", "11/02/_SUCCESS", "11/010/d.csv"):
        container.upload_blob(f"raw/2026/{name}", CONTENT)
    pattern = DropPattern.parse(f"{uri(scheme, container)}/raw/{{date:%Y/%m/%d}}/")
    storage = ObjectStorage("blobs")
    (found,) = find_drops(pattern, storage)
    assert [file.path.rpartition("/")[2] for file in found.files] == ["a.csv", "b.csv"]
    assert found == find_drop(pattern, storage, "2026-11-01")
    assert find_drop(pattern, storage, "2026-11-02") is None
    fetched = fetch(pattern, found, storage, tmp_path)
    assert Path(fetched.path).read_bytes() == b"a,b\n1,2\n1,2\n"


@pytest.mark.parametrize("marker", ["raw", "raw/2026-11-01"])
def test_a_blob_that_is_named_like_a_folder_hides_nothing(container: ContainerClient, marker: str) -> None:
    """Some programs mark a folder by an empty blob of its name."""
    for name in (marker, "raw/2026-11-01/a.csv", "raw2/2026-11-02/a.csv"):
        container.upload_blob(name, b"" if name == marker else CONTENT)
    pattern = DropPattern.parse(f"{uri('wasbs', container)}/raw/{{date}}/")
    storage = ObjectStorage("blobs")
    (found,) = find_drops(pattern, storage)
    assert [file.path.rpartition("/")[2] for file in found.files] == ["a.csv"]
    assert find_drop(pattern, storage, "2026-11-01") == found


def test_drops_may_be_at_the_top_of_a_container(container: ContainerClient) -> None:
    container.upload_blob("calls.csv", CONTENT)
    pattern = DropPattern.parse(f"{uri('wasbs', container)}/{{key}}.csv")
    assert [drop.key for drop in find_drops(pattern, ObjectStorage("blobs"))] == ["calls"]


def test_what_was_listed_once_is_listed_anew(container: ContainerClient, tmp_path: Path) -> None:
    pattern = DropPattern.parse(f"{uri('wasbs', container)}/raw/{{key}}.csv")
    storage = ObjectStorage("blobs")
    assert find_drops(pattern, storage) == []
    assert find_drop(pattern, storage, "a") is None
    container.upload_blob("raw/a.csv", CONTENT)
    first = find_drop(pattern, storage, "a")
    assert first is not None
    container.upload_blob("raw/a.csv", CONTENT * 2, overwrite=True)
    (second,) = find_drops(pattern, storage)
    assert second == find_drop(pattern, storage, "a")
    assert (second.bytes, first.content_state != second.content_state) == (len(CONTENT) * 2, True)
    with pytest.raises(ServiceUnavailable, match="changed while it was read"):
        fetch(pattern, first, storage, tmp_path)
    container.delete_blob("raw/a.csv")
    assert find_drop(pattern, storage, "a") is None
    with pytest.raises(ServiceUnavailable, match="changed while it was read"):
        fetch(pattern, second, storage, tmp_path)


def test_a_write_of_equal_size_within_a_second_is_a_change(container: ContainerClient, tmp_path: Path) -> None:
    pattern = DropPattern.parse(f"{uri('wasbs', container)}/{{key}}.csv")
    storage = ObjectStorage("blobs")
    container.upload_blob("a.csv", CONTENT)
    found = find_drop(pattern, storage, "a")
    assert found is not None
    container.upload_blob("a.csv", CONTENT, overwrite=True)
    with pytest.raises(ServiceUnavailable, match="changed while it was read"):
        fetch(pattern, found, storage, tmp_path)


def test_no_folder_is_no_drops_and_no_container_is_an_error(container: ContainerClient) -> None:
    storage = ObjectStorage("blobs")
    assert find_drops(DropPattern.parse(f"{uri('wasbs', container)}/nothing/{{key}}.csv"), storage) == []
    pattern = DropPattern.parse("wasbs://nowhere/raw/{key}.csv")
    for look in (lambda: find_drops(pattern, storage), lambda: find_drop(pattern, storage, "a")):
        with pytest.raises(NotFound, match="wasbs://nowhere/ does not exist"):
            look()


def test_a_wrong_key_is_refused_in_words_without_the_key(container: ContainerClient) -> None:
    storage = ObjectStorage("wrong_key")
    path = f"{uri('wasbs', container)}/a.csv"
    container.upload_blob("a.csv", CONTENT)
    pattern = DropPattern.parse(f"{uri('wasbs', container)}/{{key}}.csv")
    entry = StorageEntry.from_dict({"path": path, "size": 8, "modified": "2026-11-27T00:00:00Z"})
    found = FoundDrop(key="a", path=path, files=(entry,))
    for look in (
        lambda: find_drops(pattern, storage),
        lambda: find_drop(pattern, storage, "a"),
        lambda: fetch(pattern, found, storage, Path("/nonexistent")),
    ):
        with pytest.raises(Unauthorized, match="403") as caught:
            look()
        assert "AAAA" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_connection_that_is_changed_is_used_by_the_next_storage(
    container: ContainerClient, azurite: AzuriteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = DropPattern.parse(f"{uri('wasbs', container)}/{{key}}.csv")
    with pytest.raises(Unauthorized):
        find_drops(pattern, ObjectStorage("wrong_key"))
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_KEY", azurite.connection())
    assert find_drops(pattern, ObjectStorage("wrong_key")) == []


def test_a_connection_that_is_not_there_is_named(container: ContainerClient) -> None:
    with pytest.raises(AirflowNotFoundException, match="nobody"):
        find_drops(DropPattern.parse(f"{uri('wasbs', container)}/{{key}}.csv"), ObjectStorage("nobody"))


def test_an_account_that_is_not_the_connections_is_refused(container: ContainerClient) -> None:
    pattern = DropPattern.parse("wasbs://raw@elsewhere.blob.core.windows.net/{key}.csv")
    with pytest.raises(InvalidRequest, match=f"account elsewhere, and the connection blobs signs in to {ACCOUNT}"):
        find_drops(pattern, ObjectStorage("blobs"))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("acct.blob.core.windows.net", "https://acct.blob.core.windows.net/"),
        ("acct.dfs.core.windows.net", "https://acct.blob.core.windows.net/"),
        ("acct.blob.core.chinacloudapi.cn", "https://acct.blob.core.chinacloudapi.cn/"),
    ],
)
@pytest.mark.parametrize(
    "connection",
    [
        {"login": "acct", "password": WRONG_KEY},
        {"extra": {"account_name": "acct", "account_key": WRONG_KEY}},
        {"login": "client", "password": "secret", "extra": {"tenant_id": "11111111-1111-1111-1111-111111111111"}},
    ],
    ids=["key", "key in the extra", "service principal"],
)
def test_the_address_names_the_account(
    monkeypatch: pytest.MonkeyPatch, host: str, url: str, connection: dict[str, object]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ACCOUNT", json.dumps({"conn_type": "wasb", **connection}))
    assert object_path(f"wasbs://raw@{host}/a.csv", "account").fs.service_client.url == url


def test_a_connection_without_an_account_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ACCOUNT", json.dumps({"conn_type": "wasb", "password": WRONG_KEY}))
    with pytest.raises(InvalidRequest, match="its extra has connection_string, or account_name") as caught:
        find_drops(DropPattern.parse("wasbs://raw/{key}.csv"), ObjectStorage("account"))
    assert "AAAA" not in str(caught.value)


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="install the Airflow provider"):
        find_drops(DropPattern.parse("klingon://raw/{key}.csv"), ObjectStorage(None))


@pytest.mark.parametrize("scheme", ["wasb", "wasbs", "abfs", "abfss"])
def test_a_dataset_may_be_read_from_there(container: ContainerClient, scheme: str) -> None:
    container.upload_blob("a.csv", CONTENT)
    with local_file(f"{uri(scheme, container)}/a.csv", conn_id="blobs", limits=LIMITS) as path:
        assert path.read_bytes() == CONTENT
    with (
        pytest.raises(InvalidRequest, match="does not exist"),
        local_file(f"{uri(scheme, container)}/b.csv", conn_id="blobs", limits=LIMITS),
    ):
        pass


def test_a_file_of_several_blocks_comes_whole(container: ContainerClient, tmp_path: Path) -> None:
    content = b"a,b\n" + b"".join(b"%d,x\n" % number for number in range(900_000))
    container.upload_blob("a.csv", content)
    pattern = DropPattern.parse(f"{uri('abfs', container)}/{{key}}.csv")
    found = find_drop(pattern, ObjectStorage("blobs"), "a")
    assert found is not None
    fetched = fetch(pattern, found, ObjectStorage("blobs"), tmp_path)
    assert (Path(fetched.path).read_bytes() == content, fetched.rows_hint) == (True, 900_000)
