"""What goes wrong between the adapter and Blob storage, which has documents and datasets: which error it ends in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from tests.azure_wire.faults import Act, answers, is_cut, is_slow, is_truncated, sends
from tests.azure_wire.server import WireServer

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.storage.account import ACCOUNT_NAME, StorageAccount, open_account
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable, Throttled, Unauthorized
from azureml_workspace.records import DatasetSource

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

CONTAINER = "azureml-blobstore"
DOCUMENTS = rf"/{CONTAINER}/airflow-azureml/documents/"
DATA = rf"/{CONTAINER}/airflow-azureml/datasets/.*/data\.csv$"
LIST = rf"^GET /{CONTAINER}$"
DATASTORE = r"^GET .*/datastore/.*/default$"
WRITE = rf"^PUT {DOCUMENTS}"
SECRET = "sig=very-secret"


@pytest.fixture(scope="module")
def opened(wire_server: WireServer) -> AzureWorkspace:
    workspace = wire_server.workspace(read=5.0)
    workspace.write_document("faults/there", {"n": 1}, expected=None)
    return workspace


@pytest.fixture(scope="module")
def dataset(opened: AzureWorkspace, tmp_path_factory: pytest.TempPathFactory) -> int:
    path = tmp_path_factory.mktemp("faults") / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{n},{n % 2}\n" for n in range(5000)))
    return opened.register_dataset("faults", DatasetSource(path=str(path))).version


@pytest.fixture
def account(wire: WireServer) -> StorageAccount:
    return open_account(wire.home.azure_api / "storage", Addresses(plain="", secure=wire.addresses.secure))


def datastore(account: StorageAccount, **section: Any) -> Act:
    """The default datastore with another credential, or elsewhere."""
    place = {
        "accountName": ACCOUNT_NAME,
        "containerName": CONTAINER,
        "endpoint": account.endpoint,
        "protocol": "https",
        "accountKey": "",
        "sasToken": "",
    }
    return sends({"name": "other", "dataStoreType": "AzureBlob", "azureStorageSection": place | section})


@contextmanager
def no_secret_told(*secrets: str) -> Iterator[None]:
    """Neither in the message nor in what the error is chained to."""
    with pytest.raises(Unauthorized) as caught:
        yield
    error: BaseException | None = caught.value
    while error is not None:
        assert not any(secret in str(error) for secret in secrets)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("fault", [answers(500), answers(503), is_cut(), is_truncated()])
def test_a_passing_trouble_is_borne(
    wire: WireServer, opened: AzureWorkspace, dataset: int, tmp_path: Path, fault: Act
) -> None:
    for place in (rf"^GET {DOCUMENTS}", LIST, DATA):
        wire.script.add(place, fault, times=1)
    assert opened.read_document("faults/there").content == {"n": 1}
    assert "faults/there" in [entry.path for entry in opened.list_documents("faults")]
    file = opened.download_dataset("faults", dataset, tmp_path)
    assert len(Path(file.path).read_text().splitlines()) == 5001
    assert wire.script.count(rf"^GET {DOCUMENTS}") == 2


@pytest.mark.parametrize(
    "fault", [answers(500), answers(503), is_cut(), is_truncated(), is_truncated(honest_length=True), is_slow(30)]
)
def test_a_lasting_trouble_ends_in_the_retryable_error(
    wire: WireServer, opened: AzureWorkspace, dataset: int, tmp_path: Path, fault: Act
) -> None:
    hurried = opened.reopened(connect_timeout=2.0, read_timeout=1.0, retry_seconds=0.8)
    hurried.get_dataset("faults", dataset)
    for place in (DOCUMENTS, LIST, DATA):
        wire.script.add(place, fault)
    with pytest.raises(ServiceUnavailable):
        hurried.read_document("faults/there")
    with pytest.raises(ServiceUnavailable):
        hurried.list_documents("faults")
    with pytest.raises(ServiceUnavailable):
        hurried.download_dataset("faults", dataset, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_long_throttling_is_told_with_its_wait(wire: WireServer, opened: AzureWorkspace) -> None:
    wire.script.add(DOCUMENTS, answers(429, Retry_After="120"))
    for call in (
        lambda: opened.read_document("faults/there"),
        lambda: opened.write_document("faults/new", {}, expected=None),
        lambda: opened.delete_document("faults/there", expected="0x1"),
    ):
        with pytest.raises(Throttled) as caught:
            call()
        assert caught.value.retry_after == 120
    assert wire.script.count(DOCUMENTS) == 3


def test_a_write_whose_answer_was_lost_knows_itself_again(wire: WireServer, opened: AzureWorkspace) -> None:
    wire.script.add(WRITE, is_cut(after_work=True), times=1)
    made = opened.write_document("faults/lost", {"n": 1}, expected=None)
    assert opened.read_document("faults/lost") == made
    wire.script.add(WRITE, is_cut(after_work=True), times=1)
    changed = opened.write_document("faults/lost", {"n": 2}, expected=made.etag)
    assert opened.read_document("faults/lost") == changed
    wire.script.add(rf"^DELETE {DOCUMENTS}", is_cut(after_work=True), times=1)
    opened.delete_document("faults/lost", expected=changed.etag)
    assert find_document(opened, "faults/lost") is None


def test_an_update_over_bad_lines_is_made_once(wire: WireServer, opened: AzureWorkspace) -> None:
    def add(content: dict[str, Any] | None) -> dict[str, Any]:
        return {"n": 1 if content is None else content["n"] + 1}

    for number in range(1, 4):
        wire.script.add(WRITE, answers(503), times=1)
        wire.script.add(WRITE, is_cut(after_work=True), times=1)
        update_document(opened, "faults/counted", add)
        assert opened.read_document("faults/counted").content == {"n": number}


def test_what_somebody_else_wrote_there_is_no_document(
    wire: WireServer, opened: AzureWorkspace, tmp_path: Path
) -> None:
    opened._azure.blobs.write("airflow-azureml/documents/faults/text.json", b"no JSON", expected=None, metadata={})
    opened._azure.blobs.write("airflow-azureml/documents/faults/a b.json", b"{}", expected=None, metadata={})
    opened._azure.blobs.write("airflow-azureml/documents/faults/picture.png", b"{}", expected=None, metadata={})
    with pytest.raises(ServiceUnavailable, match=r"documents/faults/text\.json"):
        opened.read_document("faults/text")
    listed = [entry.path for entry in opened.list_documents("faults")]
    assert "faults/text" in listed
    assert not any("picture" in path or " " in path for path in listed)


def test_a_key_that_was_replaced_is_asked_for_anew(wire: WireServer, opened: AzureWorkspace) -> None:
    wire.script.add(rf"^GET {DOCUMENTS}", answers(403, code="AuthenticationFailed"), times=1)
    assert opened.read_document("faults/there").content == {"n": 1}
    assert wire.script.count(DATASTORE) == 1


def test_a_key_that_stays_refused(wire: WireServer, account: StorageAccount) -> None:
    wrong = "A" * 86 + "=="
    wire.script.add(DATASTORE, datastore(account, credentialType="AccountKey", accountKey=wrong))
    with no_secret_told(wrong, account.key):
        wire.workspace().read_document("faults/there")
    assert wire.script.count(DOCUMENTS) == 2
    assert wrong in wire.secrets


def test_a_key_that_is_none(wire: WireServer, account: StorageAccount) -> None:
    wire.script.add(DATASTORE, datastore(account, credentialType="AccountKey", accountKey="no base64"))
    with no_secret_told("no base64"):
        wire.workspace().read_document("faults/there")


@pytest.mark.parametrize("mark", ["", "?"])
def test_a_datastore_with_a_sas(wire: WireServer, opened: AzureWorkspace, account: StorageAccount, mark: str) -> None:
    sas = generate_container_sas(
        ACCOUNT_NAME,
        CONTAINER,
        account.key,
        permission=ContainerSasPermissions(read=True, write=True, create=True, delete=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    wire.script.add(DATASTORE, datastore(account, credentialType="Sas", sasToken=mark + sas))
    round_trip(wire.workspace(), f"faults/sas{len(mark)}")
    assert sas in wire.secrets


def test_a_sas_that_expired_is_told_nowhere(wire: WireServer, account: StorageAccount) -> None:
    sas = generate_container_sas(
        ACCOUNT_NAME,
        CONTAINER,
        account.key,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) - timedelta(hours=1),
    )
    wire.script.add(DATASTORE, datastore(account, credentialType="Sas", sasToken=sas))
    with no_secret_told(sas, sas.partition("sig=")[2]):
        wire.workspace().read_document("faults/there")
    wire.script.add(DATASTORE, datastore(account, credentialType="Sas", sasToken=SECRET, endpoint="127.0.0.1:1"))
    with pytest.raises(ServiceUnavailable) as caught:
        wire.workspace(retry=0.1).read_document("faults/there")
    assert "very-secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_identity_based_datastore_gets_a_token_for_storage(wire: WireServer, account: StorageAccount) -> None:
    wire.script.add(DATASTORE, datastore(account, credentialType="None"))
    round_trip(wire.workspace(), "faults/identity")


def test_an_identity_without_a_role_on_storage(wire: WireServer, account: StorageAccount) -> None:
    wire.script.add(DATASTORE, datastore(account, credentialType="None"))
    wire.script.add(DOCUMENTS, answers(403, code="AuthorizationPermissionMismatch"))
    with pytest.raises(Unauthorized, match="Storage Blob Data Contributor"):
        wire.workspace().read_document("faults/there")


@pytest.mark.parametrize("endpoint", ["evil.example", "core.windows.net@evil.example", "evil.example/core.windows.net"])
def test_no_token_for_another_host(wire: WireServer, account: StorageAccount, endpoint: str) -> None:
    wire.script.add(DATASTORE, datastore(account, credentialType="None", endpoint=endpoint))
    with pytest.raises(InvalidRequest, match="no access token is sent there"):
        wire.workspace().read_document("faults/there")


@pytest.mark.parametrize("kind", ["ClientCredentials", "Kerberos"])
def test_a_datastore_that_cannot_be_opened(wire: WireServer, account: StorageAccount, kind: str) -> None:
    wire.script.add(DATASTORE, datastore(account, credentialType=kind))
    with pytest.raises(InvalidRequest, match=rf"'other' is opened with {kind}"):
        wire.workspace().read_document("faults/there")
    wire.script.add(DATASTORE, sends({"name": "files", "dataStoreType": "AzureFile"}))
    with pytest.raises(InvalidRequest, match="'files' is of type 'AzureFile'"):
        wire.workspace().read_document("faults/there")


def test_a_container_that_is_gone_is_not_a_missing_document(wire: WireServer, opened: AzureWorkspace) -> None:
    wire.script.add(DOCUMENTS, sends({"error": {}}, status=404, x_ms_error_code="ContainerNotFound"))
    with pytest.raises(InvalidRequest, match="container of the workspace's default datastore"):
        opened.read_document("faults/there")


def test_a_redirect_is_not_followed(wire: WireServer, opened: AzureWorkspace) -> None:
    wire.script.add(DOCUMENTS, answers(307, Location="https://evil.example/"))
    with pytest.raises(InvalidRequest, match="307"):
        opened.read_document("faults/there")


def test_a_netrc_replaces_no_signature(
    wire: WireServer, opened: AzureWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert opened.read_document("faults/there").content == {"n": 1}


def test_what_is_known_is_not_asked_again(wire: WireServer, opened: AzureWorkspace) -> None:
    opened.read_document("faults/there")
    wire.script.clear()
    opened.reopened(connect_timeout=1.0, read_timeout=3.0, retry_seconds=0.5).read_document("faults/there")
    assert [request.rpartition("/")[2] for request in wire.script.seen] == ["there.json"]


def round_trip(workspace: AzureWorkspace, path: str) -> None:
    made = workspace.write_document(path, {"n": 1}, expected=None)
    assert [entry.etag for entry in workspace.list_documents(path.rpartition("/")[0]) if entry.path == path] == [
        made.etag
    ]
    assert workspace.read_document(path) == made
    workspace.delete_document(path, expected=made.etag)
    with pytest.raises(NotFound):
        workspace.read_document(path)
