"""Every call of the seam, while Azure has a trouble of each kind: always an error of the seam, and the right one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.azure_wire.faults import Act, answers, is_cut
from tests.azure_wire.server import WireServer

from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import (
    AutoMLConfig,
    AutoMLSettings,
    ComputeTarget,
    DatasetSource,
    DeploySettings,
    PipelineDefinition,
    PipelineSubmission,
)
from azureml_workspace.statuses import PipelineStatus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

ANYTHING_BUT_THE_SIGN_IN = r"^\w+ /(?!signin/|metadata/)"
ID = "00000000-0000-0000-0000-00000000000a"
CONFIG = AutoMLConfig(dataset_name="swept", label_column_name="y")
SETTINGS = AutoMLSettings(experiment_name="swept", dataset_name="swept", dataset_version=1, label_column_name="y")

CALLS: dict[str, Callable[[Any, Path], Any]] = {
    "ping": lambda w, _: w.ping(),
    "register_dataset": lambda w, data: w.register_dataset("swept", DatasetSource(path=str(data))),
    "get_dataset": lambda w, _: w.get_dataset("swept"),
    "take_rows": lambda w, _: w.take_rows("swept", 1, 2),
    "list_dataset_versions": lambda w, _: w.list_dataset_versions("swept"),
    "list_dataset_names": lambda w, _: w.list_dataset_names(),
    "dataset_profile": lambda w, _: w.dataset_profile("swept", 1),
    "download_dataset": lambda w, data: w.download_dataset("swept", 1, data.parent),
    "ensure_compute": lambda w, _: w.ensure_compute(ComputeTarget(name="swept")),
    "submit_automl": lambda w, _: w.submit_automl(SETTINGS, submission_key="swept"),
    "get_run": lambda w, _: w.get_run("swept-run"),
    "find_run": lambda w, _: w.find_run("swept"),
    "list_child_runs": lambda w, _: w.list_child_runs("swept-run"),
    "automl_progress": lambda w, _: w.automl_progress("swept-run"),
    "automl_result": lambda w, _: w.automl_result("swept-run"),
    "cancel_run": lambda w, _: w.cancel_run("swept-run"),
    "list_run_files": lambda w, _: w.list_run_files("swept-run"),
    "read_run_file": lambda w, _: w.read_run_file("swept-run", "outputs/model.pkl"),
    "run_log": lambda w, _: w.run_log("swept-run", "logs/job.log"),
    "register_model": lambda w, _: w.register_model("swept", "swept-run"),
    "get_model": lambda w, _: w.get_model("swept"),
    "list_model_versions": lambda w, _: w.list_model_versions("swept"),
    "list_model_names": lambda w, _: w.list_model_names(),
    "read_document": lambda w, _: w.read_document("swept/a"),
    "write_document": lambda w, _: w.write_document("swept/a", {}, expected=None),
    "delete_document": lambda w, _: w.delete_document("swept/a", expected="0x1"),
    "list_documents": lambda w, _: w.list_documents("swept"),
    "publish_pipeline": lambda w, _: w.publish_pipeline(
        PipelineDefinition(name="swept", experiment_name="swept", model_name="swept", automl=CONFIG)
    ),
    "get_pipeline": lambda w, _: w.get_pipeline(ID),
    "find_pipeline": lambda w, _: w.find_pipeline("swept"),
    "list_pipelines": lambda w, _: w.list_pipelines(),
    "set_pipeline_status": lambda w, _: w.set_pipeline_status(ID, PipelineStatus.DISABLED),
    "set_default_pipeline": lambda w, _: w.set_default_pipeline(ID),
    "submit_pipeline": lambda w, _: w.submit_pipeline(
        w._azure.url("pipelines", f"/PipelineRuns/PipelineSubmit/{ID}"),
        PipelineSubmission(experiment_name="swept"),
        submission_key="swept",
    ),
    "list_step_runs": lambda w, _: w.list_step_runs("swept-run"),
    "pipeline_result": lambda w, _: w.pipeline_result("swept-run"),
    "deploy": lambda w, _: w.deploy(DeploySettings(service_name="swept", model_name="swept", model_version=1)),
    "get_service": lambda w, _: w.get_service("swept"),
    "list_services": lambda w, _: w.list_services(),
    "delete_service": lambda w, _: w.delete_service("swept"),
    "set_app_insights": lambda w, _: w.set_app_insights("swept", enabled=True),
    "service_logs": lambda w, _: w.service_logs("swept"),
    "service_requests": lambda w, _: w.service_requests("swept"),
    "service_inputs": lambda w, _: w.service_inputs("swept", since_seconds=60),
    "service_keys": lambda w, _: w.service_keys("swept"),
    "regenerate_key": lambda w, _: w.regenerate_key("swept"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("swept") / "rows.csv"
    file.write_text("x,y\n" + "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(60)))
    return file


@pytest.fixture(scope="module")
def opened(wire_server: WireServer) -> AzureWorkspace:
    """Signed in, with its services found."""
    workspace = wire_server.workspace(retry=0.6)
    workspace.list_services()
    return workspace


def test_no_call_is_left_out() -> None:
    promised = {name for name, _ in inspect.getmembers(Workspace, inspect.isfunction) if not name.startswith("_")}
    assert set(CALLS) == promised - {"reopened"}, "which sends nothing"


@pytest.mark.parametrize(
    ("fault", "may_pass"),
    [
        pytest.param(answers(503), True, id="503"),
        pytest.param(answers(429, Retry_After="1"), True, id="429"),
        pytest.param(is_cut(), True, id="cut"),
        pytest.param(answers(403, code="AuthorizationFailed"), False, id="403"),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_the_error_is_the_seams(
    wire: WireServer, opened: AzureWorkspace, data: Path, call: str, fault: Act, may_pass: bool
) -> None:
    """`may_pass`: whether Airflow is to try again."""
    wire.script.add(ANYTHING_BUT_THE_SIGN_IN, fault)
    opened._azure.__dict__.pop("description", None)
    with pytest.raises(WorkspaceError) as caught:
        CALLS[call](opened, data)
    assert caught.value.retryable is may_pass, caught.value
