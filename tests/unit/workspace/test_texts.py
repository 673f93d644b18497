"""Text that cannot be sent, and text that is too long to be repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workspace.conftest import Script

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import (
    AutoMLConfig,
    AutoMLSettings,
    DatasetSource,
    DeploySettings,
    PipelineDefinition,
    PipelineSubmission,
)
from azureml_workspace.texts import require_encodable, shown

pytestmark = pytest.mark.unit

HALF = b"caf\xe9".decode("utf-8", "surrogateescape")
HERE = "http://azureml:8790"
CONFIG = AutoMLConfig(dataset_name="people", label_column_name="y", exclude_columns=(HALF,))


def test_deep_nesting_is_looked_into_and_named() -> None:
    deep: Any = HALF
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidRequest, match=r"the body.tags holds text that is no Unicode: 'caf\\udce9'"):
        require_encodable({"tags": deep}, "the body")
    require_encodable({"a": [None, 1, 2.5, True, "é\U0001f600"]}, "the body")


def test_long_text_is_cut() -> None:
    assert shown("x" * 60) == repr("x" * 60)
    assert shown("x" * 5000) == repr("x" * 57) + "..."


@pytest.mark.parametrize(
    "call",
    [
        lambda w, _: w.publish_pipeline(
            PipelineDefinition(
                name="bank",
                automl=AutoMLConfig(dataset_name="d", label_column_name="y"),
                model_name="m",
                experiment_name="exp",
                model_tags={"a": HALF},
            )
        ),
        lambda w, _: w.submit_automl(
            AutoMLSettings.of(CONFIG, experiment_name="exp", dataset_version=1), submission_key="k"
        ),
        lambda w, _: w.register_model("m", "r", tags={"a": HALF}),
        lambda w, _: w.deploy(DeploySettings(service_name="kiosk", model_name="m", model_version=1, tags={HALF: ""})),
        lambda w, _: w.submit_pipeline(
            f"{HERE}/pipelines/v1.0/PipelineRuns/PipelineSubmit/p",
            PipelineSubmission(run_source=HALF),
            submission_key="k",
        ),
        lambda w, path: w.register_dataset("d", DatasetSource(path=str(path)), tags={"a": HALF}),
        lambda w, _: w.get_run(HALF),
        lambda w, _: w.list_pipelines(HALF),
    ],
)
def test_the_adapter_sends_no_text_that_is_no_unicode(
    script: Script,
    open_with: Callable[..., Workspace],
    tmp_path: Path,
    call: Callable[[Workspace, Path], object],
) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y\n1,2\n")
    with pytest.raises(InvalidRequest, match="holds text that is no Unicode"):
        call(open_with(url=HERE), path)
    assert script.calls == []
