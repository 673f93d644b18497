"""What the contract does not show of datasets on Azure: where things are kept, and who comes twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.sdk_script import run_sdk

from azureml_workspace.errors import InvalidRequest, StorageFull
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetSource

pytestmark = pytest.mark.integration

KINDS = (
    "n,x,flag,day,at,word,zip\n"
    "1,1.5,TRUE,2026-11-21,2026-11-21T10:00:00+01:00,a,007\n"
    '2,,false,2026-11-22 08:30:00,,"b, ""c""\nd",010\n'
    ",NA,True,,2026-11-21T10:00:00Z,NaN,\n"
)


@pytest.fixture(scope="module")
def azure(azure_server: AzureServer) -> Workspace:
    return azure_server.azure_workspace()


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_rows_and_kinds_are_those_of_the_local_azure_ml(
    azure_server: AzureServer, azure: Workspace, tmp_path: Path
) -> None:
    source = DatasetSource(path=str(written(tmp_path / "a.csv", KINDS)))
    here = azure.register_dataset("azure-kinds", source)
    there = azure_server.workspace().register_dataset("azure-kinds-local", source)
    assert (here.columns, here.rows, here.fingerprint) == (there.columns, there.rows, there.fingerprint)
    assert azure.take_rows("azure-kinds", 1, 10) == azure_server.workspace().take_rows("azure-kinds-local", 1, 10)
    assert azure.take_rows("azure-kinds", 1, 0) == []
    assert azure.get_dataset("azure-kinds").to_dict() == {**here.to_dict(), "created": False}


def test_an_encoding_that_azure_does_not_know(azure: Workspace, tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", " miasto ;n\nŁódź;1\n", "cp1250")
    source = DatasetSource(path=str(file), separator=";", encoding="cp1250")
    first = azure.register_dataset("azure-cp1250", source)
    assert azure.take_rows("azure-cp1250", first.version, 1) == [{"miasto": "Łódź", "n": 1}]
    assert azure.register_dataset("azure-cp1250", source).created is False


def test_tags_are_added(azure_server: AzureServer, azure: Workspace, tmp_path: Path) -> None:
    source = DatasetSource(path=str(written(tmp_path / "a.csv", "a,b\n1,tags\n")))
    azure.register_dataset("azure-tags", source, tags={"drop": "1", "by": "me"})
    again = azure.register_dataset("azure-tags", source, tags={"drop": "2"})
    assert (again.created, again.tags) == (False, {"drop": "2", "by": "me"})
    assert azure.get_dataset("azure-tags").tags == {"drop": "2", "by": "me"}
    assert azure_server.workspace().get_dataset("azure-tags").tags.items() >= {"drop": "2", "by": "me"}.items()
    with pytest.raises(InvalidRequest, match="kept for the registration"):
        azure.register_dataset("azure-tags", source, tags={"registered-file.rows": "9"})


def test_the_profile_is_beside_the_file(azure_server: AzureServer, azure: Workspace, tmp_path: Path) -> None:
    content = "a,b\n1,profile\n2,profile\n"
    made = azure.register_dataset("azure-profile", DatasetSource(path=str(written(tmp_path / "a.csv", content))))
    folder = made.profile_uri.partition("/paths/")[2].removesuffix("/profile.json")
    assert made.fingerprint.removeprefix("sha256:") in folder
    run_sdk(
        azure_server,
        tmp_path,
        f"""
        ws.get_default_datastore().download("got", prefix="{folder}/", show_progress=False)
        """,
    )
    kept = tmp_path / "got" / folder
    assert (kept / "data.csv").read_text() == content
    profile = json.loads((kept / "profile.json").read_bytes())
    assert (profile["rows"], profile["profile"]["rows"], len(profile["columns"])) == (2, 2, 2)
    assert json.loads((kept / "version.json").read_bytes()) == {"version": 1}


def test_two_at_once_get_one_version(azure_server: AzureServer, tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", "a,b\n1,at once\n")

    def register(number: int) -> int:
        own = azure_server.azure_workspace(state_dir=str(tmp_path / str(number)))
        return own.register_dataset("azure-at-once", DatasetSource(path=str(file))).version

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(register, range(2))) == [1, 1]
    assert azure_server.workspace().get_dataset("azure-at-once").version == 1


def test_a_registration_that_was_cut_off_is_found(azure_server: AzureServer, azure: Workspace, tmp_path: Path) -> None:
    """It had registered and not written down yet which version that was."""
    source = DatasetSource(path=str(written(tmp_path / "a.csv", "a,b\n1,cut off\n")))
    made = azure.register_dataset("azure-cut-off", source)
    folder = made.profile_uri.partition("/paths/")[2].removesuffix("/profile.json")
    run_sdk(
        azure_server,
        tmp_path,
        f"""
        blob = ws.get_default_datastore().blob_service.get_blob_client(
            "azureml-blobstore", "{folder}/version.json"
        )
        blob.delete_blob()
        """,
    )
    again = azure.register_dataset("azure-cut-off", source)
    assert (again.version, again.created) == (made.version, False)


def test_datasets_of_another_making(azure_server: AzureServer, azure: Workspace, tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", "a,b\n1,foreign\n")
    azure_server.workspace().register_dataset("azure-foreign", DatasetSource(path=str(file)))
    with pytest.raises(InvalidRequest, match="register_dataset"):
        azure.get_dataset("azure-foreign")
    taken_over = azure.register_dataset("azure-foreign", DatasetSource(path=str(file)))
    assert (taken_over.version, taken_over.created) == (1, False)
    assert azure.get_dataset("azure-foreign").rows == 1


def test_no_room_for_the_copy(azure: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = DatasetSource(path=str(written(tmp_path / "a.csv", "a,b\n1,2\n")))
    room = tmp_path / "temporary"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("azureml_workspace.azure_v1.prepared_file._copy", full)
    with pytest.raises(StorageFull, match=r"a\.csv"):
        azure.register_dataset("azure-full", source)
    assert list(room.iterdir()) == []
