"""Datasets and datastores through the unmodified SDK and its native engine, and what the native control plane sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.sdk_script import run_sdk

from azureml_workspace.errors import NotFound
from azureml_workspace.records import DatasetSource

pytestmark = pytest.mark.integration

KINDS = "n,x,flag,day,at,word,zip\n1,1.5,true,2026-11-21,2026-11-21 10:00:00,a,007\n2,,false,2026-11-22,,NA,010\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    root = tmp_path_factory.mktemp("datasets")
    started = AzureServer(root / "home", state_dir=root / "sdk")
    try:
        yield started.start()
    finally:
        started.stop()


def test_an_ordinary_notebook(server: AzureServer, tmp_path: Path) -> None:
    """Upload, register, read by name, version and id, list, tag."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shop.csv").write_text("visits,colour\n" + "".join(f"{n},red\n" for n in range(20)))
    answers = run_sdk(
        server,
        tmp_path,
        """
        from azureml.core import Dataset, Datastore

        store = ws.get_default_datastore()
        answer([store.name, sorted(ws.datastores), Datastore.get(ws, store.name).container_name])
        store.upload_files(["data/shop.csv"], target_path="notebook", overwrite=True, show_progress=False)
        answer(store.download("back", prefix="notebook", overwrite=True, show_progress=False))
        table = Dataset.Tabular.from_delimited_files(path=[(store, "notebook/shop.csv")])
        made = table.register(ws, "shop", description="a shop", tags={"drop": "1"}, create_new_version=True)
        answer([made.name, made.version, made.description, made.tags])
        frame = made.to_pandas_dataframe()
        answer([list(frame.columns), len(frame), str(frame.dtypes["visits"]), int(frame.visits.sum())])
        answer(Dataset.get_by_name(ws, "shop", version=1).take(5).to_pandas_dataframe().to_dict("list"))
        answer([Dataset.get_by_id(ws, made.id).name, [name for name in ws.datasets], ws.datasets["shop"].version])
        tagged = Dataset.get_by_name(ws, "shop").add_tags({"seen": "yes"})
        answer([tagged.tags, tagged.remove_tags(["drop"]).tags, tagged.update(description="the shop").description])
        try:
            table.register(ws, "shop")
        except Exception as error:
            answer("already a dataset" in str(error))
        try:
            Dataset.get_by_name(ws, "nobody")
        except Exception as error:
            answer("Cannot find dataset" in str(error))
        """,
    )
    assert answers[0] == ["workspaceblobstore", ["workspaceartifactstore", "workspaceblobstore"], "azureml-blobstore"]
    assert answers[1] == 1
    assert (tmp_path / "back" / "notebook" / "shop.csv").read_text().startswith("visits,colour\n0,red\n")
    assert answers[2] == ["shop", 1, "a shop", {"drop": "1"}]
    assert answers[3] == [["visits", "colour"], 20, "int64", 190]
    assert answers[4] == {"visits": [0, 1, 2, 3, 4], "colour": ["red"] * 5}
    assert answers[5] == ["shop", ["shop"], 1]
    assert answers[6] == [{"drop": "1", "seen": "yes"}, {"seen": "yes"}, "the shop"]
    assert answers[7:] == [True, True]
    native = server.workspace().get_dataset("shop")
    assert (native.version, native.rows, native.tags) == (1, 20, {"seen": "yes"})
    assert server.workspace().take_rows("shop", 1, 1) == [{"visits": 0, "colour": "red"}]


def test_versions_are_those_of_the_engine(server: AzureServer, tmp_path: Path) -> None:
    workspace = server.workspace()
    source = tmp_path / "a.csv"
    source.write_text("a;b,c\n1;2,3\n")
    native = workspace.register_dataset("versions", DatasetSource(path=str(source)))
    answers = run_sdk(
        server,
        tmp_path,
        """
        from azureml.core import Dataset

        store = ws.get_default_datastore()
        Dataset.File.upload_directory(".", (store, "versions"), pattern="*a.csv", overwrite=True, show_progress=False)

        def register(**how):
            table = Dataset.Tabular.from_delimited_files((store, "versions/a.csv"), **how)
            made = table.register(ws, "versions", create_new_version=True)
            return [made.version, list(made.to_pandas_dataframe().columns)]

        answer(register())
        answer(register(separator=";"))
        answer(register(separator=";", encoding="latin1"))
        answer(register())
        table = Dataset.Tabular.from_delimited_files((store, "versions/a.csv")).keep_columns(["c"])
        answer(table.register(ws, "versions", create_new_version=True).version)
        table = Dataset.Tabular.from_delimited_files((store, "versions/a.csv"), include_path=True)
        try:
            table.register(ws, "versions", create_new_version=True)
        except Exception as error:
            answer("include_path" in str(error))
        """,
    )
    assert native.version == 1
    assert answers == [[1, ["a;b", "c"]], [2, ["a", "b,c"]], [3, ["a", "b,c"]], [1, ["a;b", "c"]], 4, True]
    assert [column.name for column in workspace.get_dataset("versions", 2).columns] == ["a", "b,c"]
    assert workspace.take_rows("versions", 4, 1) == [{"c": 3}]


def test_native_datasets_are_read_by_the_sdk(server: AzureServer, tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text(KINDS)
    server.workspace().register_dataset("native", DatasetSource(path=str(source)), tags={"made": "natively"})
    (frame, types, tags, known) = run_sdk(
        server,
        tmp_path,
        """
        from azureml.core import Dataset

        native = Dataset.get_by_name(ws, "native")
        frame = native.to_pandas_dataframe()
        answer(frame.astype(str).to_dict("list"))
        answer({name: str(kind) for name, kind in frame.dtypes.items()})
        answer([native.version, native.tags])
        answer("native" in ws.datasets)
        """,
    )
    assert frame["n"] == ["1", "2"]
    assert frame["zip"] == ["007", "010"]
    assert frame["word"] == ["a", "NA"]
    assert frame["flag"] == ["True", "False"]
    assert (types["n"], types["x"], types["flag"], types["day"][:10]) == ("int64", "float64", "bool", "datetime64")
    assert tags == [1, {"made": "natively"}]
    assert known is True


def test_data_frames_and_files(server: AzureServer, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("one", "two"):
        (tmp_path / "folder" / f"{name}.csv").write_text(f"w\n{name}\n")
    answers = run_sdk(
        server,
        tmp_path,
        """
        import pandas
        from pathlib import Path
        from azureml.core import Dataset

        store = ws.get_default_datastore()
        frame = pandas.DataFrame({"n": [1, 2], "x": [0.5, None], "w": ["a", None], "flag": [True, False]})
        made = Dataset.Tabular.register_pandas_dataframe(frame, store, "frame", show_progress=False)
        answer([made.version, made.to_pandas_dataframe().n.tolist()])
        files = Dataset.File.upload_directory("folder", (store, "folder"), overwrite=True, show_progress=False)
        files = files.register(ws, "files", create_new_version=True)
        answer([files.version, sorted(files.to_path())])
        answer(sorted(Path(path).read_text() for path in Dataset.get_by_name(ws, "files").download("got")))
        both = Dataset.Tabular.from_delimited_files((store, "folder/*.csv")).register(ws, "both")
        answer(sorted(both.to_pandas_dataframe().w))
        paths = Dataset.Tabular.from_delimited_files((store, "folder/*.csv"), include_path=True).register(ws, "paths")
        answer([paths.version, sorted(Dataset.get_by_name(ws, "paths").to_pandas_dataframe().w)])
        answer({name: dataset.version for name, dataset in ws.datasets.items() if name in ("files", "both", "paths")})
        """,
    )
    assert answers[0] == [1, [1, 2]]
    assert answers[1] == [1, ["/one.csv", "/two.csv"]]
    assert answers[2] == ["w\none\n", "w\ntwo\n"]
    assert answers[3] == ["one", "two"]
    assert answers[4] == [1, ["one", "two"]]
    assert answers[5] == {"files": 1, "both": 1, "paths": 1}
    workspace = server.workspace()
    assert workspace.take_rows("frame", 1, 5) == [
        {"n": 1, "x": 0.5, "w": "a", "flag": True},
        {"n": 2, "x": None, "w": None, "flag": False},
    ]
    assert workspace.get_dataset("both").rows == 2
    for untaken in ("files", "paths"):
        with pytest.raises(NotFound):
            workspace.get_dataset(untaken)


def test_transformations_give_the_engine_the_rows_that_the_sdk_sees(server: AzureServer, tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("n,w\n" + "".join(f"{n},0{n}\n" for n in range(500)))
    answers = run_sdk(
        server,
        tmp_path,
        """
        from azureml.core import Dataset

        store = ws.get_default_datastore()
        Dataset.File.upload_directory(".", (store, "split"), pattern="*.csv", overwrite=True, show_progress=False)
        table = Dataset.Tabular.from_delimited_files((store, "split/split.csv"))
        train, test = table.random_split(0.8, seed=7)
        for name, part in (("train", train), ("test", test), ("some", table.skip(3).take(2).drop_columns(["w"]))):
            answer(sorted(part.register(ws, name).to_pandas_dataframe().n.tolist()))
        answer(sorted(table.filter(table["n"] < 2).register(ws, "few").to_pandas_dataframe().n.tolist()))
        bare = Dataset.Tabular.from_delimited_files((store, "split/split.csv"), header=False)
        answer(list(bare.register(ws, "bare").to_pandas_dataframe().columns))
        try:
            table.filter(table["n"] > 900).register(ws, "none")
        except Exception as error:
            answer(str(error))
        """,
    )
    workspace = server.workspace()
    for name, seen in zip(("train", "test", "some", "few"), answers, strict=False):
        assert sorted(row["n"] for row in workspace.take_rows(name, 1, 500)) == seen
    assert sorted(answers[0] + answers[1]) == list(range(500))
    assert 300 < len(answers[0]) < 500
    assert answers[2:4] == [[3, 4], [0, 1]]
    assert [column.name for column in workspace.get_dataset("bare").columns] == answers[4]
    assert "no rows" in answers[5]


def test_a_file_at_a_web_address(server: AzureServer, web_file: str, tmp_path: Path) -> None:
    (columns,) = run_sdk(
        server,
        tmp_path,
        f"""
        from azureml.core import Dataset

        table = Dataset.Tabular.from_delimited_files("{web_file}").register(ws, "web")
        answer(list(table.to_pandas_dataframe().columns))
        """,
    )
    assert columns == ["n", "x", "flag", "day", "at", "word", "zip"]
    assert server.workspace().get_dataset("web").rows == 2


@pytest.fixture
def web_file(tmp_path: Path) -> Iterator[str]:
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "kinds.csv").write_text(KINDS)
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    ) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_address[1]}/kinds.csv"
        web.shutdown()


def test_what_the_engine_refuses_is_said(server: AzureServer, tmp_path: Path) -> None:
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (said, known) = run_sdk(
        server,
        tmp_path,
        """
        from azureml.core import Dataset

        store = ws.get_default_datastore()
        Dataset.File.upload_directory(".", (store, "ragged"), pattern="*.csv", overwrite=True, show_progress=False)
        try:
            Dataset.Tabular.from_delimited_files((store, "ragged/ragged.csv")).register(ws, "ragged")
        except Exception as error:
            answer(str(error))
        answer("ragged" in ws.datasets)
        """,
    )
    assert "line 3" in said
    assert known is False


def test_everything_outlives_the_server(server: AzureServer, tmp_path: Path) -> None:
    (tmp_path / "kept.csv").write_text("a,b\n1,2\n")
    make = """
        from azureml.core import Dataset

        store = ws.get_default_datastore()
        files = Dataset.File.upload_directory(".", (store, "kept"), pattern="*kept.csv", overwrite=True)
        files.register(ws, "kept-files")
        answer(Dataset.Tabular.from_delimited_files((store, "kept/kept.csv")).register(ws, "kept").id)
        """
    (saved_id,) = run_sdk(server, tmp_path, make)
    server.kill()
    server.start()
    answers = run_sdk(
        server,
        tmp_path,
        f"""
        from azureml.core import Dataset

        answer(Dataset.get_by_id(ws, "{saved_id}").to_pandas_dataframe().to_dict("list"))
        answer(Dataset.get_by_name(ws, "kept-files").to_path())
        """,
    )
    assert answers == [{"a": [1], "b": [2]}, ["/kept.csv"]]
