"""What the pages in Airflow read, of every adapter."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.contract.conftest import Trained, write_rows

from airflow_azureml.ui.views.datasets import DataView
from airflow_azureml.ui.views.models import ModelsView
from airflow_azureml.ui.views.pipelines import PipelinesView
from airflow_azureml.ui.views.reading import Reading
from airflow_azureml.ui.views.run import RunView
from airflow_azureml.ui.views.services import ServicesView
from azureml_drops.ledger import DropEvent, DropStatus, note, now
from azureml_workspace.errors import NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetSource

pytestmark = pytest.mark.contract


def reading(workspace: Workspace) -> Reading:
    """With all the time in the world: what is late is another test's."""
    return Reading(workspace, source=str(id(workspace)), logs=True, clock=lambda: 0.0)


def test_models(workspace: Workspace, trained: Trained) -> None:
    view = ModelsView.read(reading(workspace), "contract-shop")
    assert "contract-shop" in view.names
    assert view.missing == ()
    assert [item.model for item in view.versions] == [trained.model]
    (version,) = view.versions
    assert version.result is not None
    assert version.score == version.result.metrics["AUC_weighted"]
    with pytest.raises(NotFound):
        ModelsView.read(reading(workspace), "contract-no-such-model")


def test_run_with_its_trials(workspace: Workspace, trained: Trained) -> None:
    view = RunView.read(reading(workspace), trained.run, datetime.now(UTC))
    assert view.missing == ()
    assert view.automl is not None
    assert view.automl.result is not None
    assert view.automl.scores is not None, "the chart of the trials"
    assert view.automl.trials[0].run_id == view.automl.best_run_id


def test_data_with_drift_and_drops(workspace: Workspace, tmp_path: Path) -> None:
    for seed in (1, 2):
        path = tmp_path / f"{seed}.csv"
        write_rows(path, 300, seed=seed)
        workspace.register_dataset(
            "contract-pages", DatasetSource(path=str(path)), tags={"drop_key": f"2026-01-0{seed}"}
        )
    note(
        workspace, "contract-pages", "2026-01-01", DropEvent(status=DropStatus.REGISTERED, at=now(), dataset_version=1)
    )
    view = DataView.read(reading(workspace), "contract-pages", None, None)
    assert view.missing == ()
    assert view.version is not None
    assert view.against is not None
    assert (view.version.version, view.against.version) == (2, 1)
    assert {drift.name for drift in view.drift} == {"visits", "colour", "price", "bought"}
    assert all(drift.psi is None or drift.psi < 0.2 for drift in view.drift), "two samples of the same"
    assert [drop.key for drop in view.drops] == ["2026-01-01"]
    assert [chart.title for chart in view.charts] == ["Rows of each version", "Shift of each column"]


def test_services_and_pipelines(workspace: Workspace) -> None:
    view = ServicesView.read(reading(workspace), None)
    assert (view.service is None) == (not view.services)
    with pytest.raises(NotFound):
        ServicesView.read(reading(workspace), "contract-no-such")
    assert PipelinesView.read(reading(workspace), []).runs == ()


def test_no_page_loads_the_sdk_or_what_learns() -> None:
    views = ("models", "services", "datasets", "dag_run", "pipelines")
    imports = "; ".join(f"import airflow_azureml.ui.views.{view}" for view in views)
    heavy = {"azureml", "sklearn", "lightgbm", "pandas", "vl_convert", "azureml_local"}
    code = f"{imports}; import sys; print({{name.partition('.')[0] for name in sys.modules}} & {heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
