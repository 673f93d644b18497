"""Names of the files of runs among artifacts."""

from __future__ import annotations

import pytest

from azureml_local.azure_api.run_artifacts import run_container, run_file_name, run_of_container, split_run_file_name

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("path", ["outputs/model.pkl", "logs/", "", "a name/with dcid.x/in it"])
def test_a_name_is_taken_apart_as_it_was_made(path: str) -> None:
    assert split_run_file_name(run_file_name("AutoML_1_0", path)) == ("AutoML_1_0", path)


def test_a_container_is_of_one_run() -> None:
    assert run_container("r1") == "dcid.r1"
    assert run_of_container("dcid.r1") == "r1"


@pytest.mark.parametrize(
    "name", ["", "ExperimentRun/dcid.r1", "ExperimentRun/dcid./x", "ExperimentRun/r1/x", "LocalUpload/dcid.r1/x"]
)
def test_other_names_are_of_no_run(name: str) -> None:
    assert split_run_file_name(name) is None
