"""Runs that ordinary SDK scripts make themselves: metrics, tags, files, children, their end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.sdk_script import run_sdk

from azureml_workspace.records import ComputeTarget

pytestmark = pytest.mark.integration


def test_a_script_logs_its_own_run(azure_server: AzureServer, tmp_path: Path) -> None:
    script = """
    from azureml.core import Experiment, Run
    experiment = Experiment(ws, "script-runs")
    run = experiment.start_logging(snapshot_directory=None)
    run.log("loss", 0.5)
    run.log("loss", 0.25)
    run.log("odd", float("nan"))
    run.log_list("sizes", [1, 2])
    run.log_row("row", a=1, b=2)
    run.tag("drop", "1")
    run.add_properties({"commit": "abc"})
    run.description = "a try"
    open("notes.txt", "w").write("as it was")
    run.upload_file("outputs/notes.txt", "notes.txt")
    child = run.child_run(name="fold")
    child.log("loss", 1)
    child.complete()
    run.complete()
    again = Run.get(ws, run.id)
    again.download_file("outputs/notes.txt", "again.txt")
    answer({
        "status": again.get_status(),
        "metrics": {name: value for name, value in again.get_metrics().items() if name != "odd"},
        "odd": str(again.get_metrics("odd")["odd"]),
        "tags": again.get_tags(),
        "properties": again.get_properties()["commit"],
        "description": again.description,
        "files": again.get_file_names(),
        "content": open("again.txt").read(),
        "children": [[found.get_status(), found.get_metrics()] for found in again.get_children()],
        "by_tag": [found.id == run.id for found in experiment.get_runs(tags={"drop": "1"})],
        "by_property": [found.id == run.id for found in experiment.get_runs(properties={"commit": "abc"})],
        "by_other_tag": [found.id for found in experiment.get_runs(tags={"drop": "2"})],
        "without_children": len(list(experiment.get_runs())),
        "with_children": len(list(experiment.get_runs(include_children=True))),
    })
    """
    said = run_sdk(azure_server, tmp_path, script)[0]
    assert said == {
        "status": "Completed",
        "metrics": {"loss": [0.5, 0.25], "sizes": [1, 2], "row": {"a": 1, "b": 2}},
        "odd": "nan",
        "tags": {"drop": "1"},
        "properties": "abc",
        "description": "a try",
        "files": ["outputs/notes.txt"],
        "content": "as it was",
        "children": [["Completed", {"loss": 1}]],
        "by_tag": [True],
        "by_property": [True],
        "by_other_tag": [],
        "without_children": 1,
        "with_children": 2,
    }


def test_a_script_fails_its_run_and_changes_no_property(azure_server: AzureServer, tmp_path: Path) -> None:
    script = """
    from azureml.core import Experiment
    run = Experiment(ws, "script-failures").start_logging(snapshot_directory=None)
    run.add_properties({"commit": "abc"})
    try:
        run.add_properties({"commit": "def"})
    except Exception as error:
        answer(str(error))
    run.fail(error_details="the disk was full")
    answer([run.get_status(), run.get_properties()["commit"], str(run.get_details()["error"])])
    """
    refused, (status, commit, error) = run_sdk(azure_server, tmp_path, script)
    assert "cannot change" in refused
    assert (status, commit) == ("Failed", "abc")
    assert "the disk was full" in error


def test_experiments_are_made_listed_tagged_and_archived(azure_server: AzureServer, tmp_path: Path) -> None:
    script = """
    from azureml.core import Experiment
    experiment = Experiment(ws, "script-experiment")
    experiment.set_tags({"team": "blue", "old": "1"})
    experiment.remove_tags(["old"])
    answer([experiment.name in ws.experiments, Experiment(ws, "script-experiment").id == experiment.id])
    answer([[found.name, found.tags] for found in Experiment.list(ws, tags={"team": "blue"})])
    experiment.archive()
    answer([found.name for found in Experiment.list(ws, tags={"team": "blue"})])
    answer([found.name for found in Experiment.list(ws, tags={"team": "blue"}, view_type="All")])
    experiment.reactivate()
    answer([found.name for found in Experiment.list(ws, tags={"team": "blue"})])
    """
    name = "script-experiment"
    assert run_sdk(azure_server, tmp_path, script) == [[True, True], [[name, {"team": "blue"}]], [], [name], [name]]


def test_tags_are_removed_and_runs_found_by_their_compute_target(azure_server: AzureServer, tmp_path: Path) -> None:
    azure_server.workspace().ensure_compute(ComputeTarget(name="script-compute"))
    script = """
    from azureml._restclient.models.create_run_dto import CreateRunDto
    from azureml.core import Experiment
    from azureml.core.compute import ComputeTarget
    run = Experiment(ws, "script-tags").start_logging(snapshot_directory=None)
    run.set_tags({"a": "1", "b": "2"})
    run.remove_tags(["a"])
    run._client.patch_run(CreateRunDto(target="script-compute"))
    found = [found.run_id == run.id for found in ComputeTarget(ws, "script-compute").get_active_runs()]
    run.complete()
    answer([run.get_tags(), found])
    """
    assert run_sdk(azure_server, tmp_path, script) == [[{"b": "2"}, [True]]]
