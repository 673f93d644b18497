"""The run details of a DAG run, as a page and as one file, with records of a test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported

# isort: split
from fastapi.testclient import TestClient
from httpx import Response
from tests.unit.airflow_azureml.test_ui_workspace_pages import decision
from tests.unit.airflow_azureml.ui_whole_workspace import WholeWorkspace, a_result_of
from tests.unit.airflow_azureml.ui_workspace import NOW, PLACE, PageWorkspace, a_run, a_step, completed_automl

from airflow_azureml.gate_results import gate_result
from airflow_azureml.results import BenchmarkResult, ServiceResult, ThresholdResult
from airflow_azureml.ui.access import run_place
from airflow_azureml.ui.app import create_app
from airflow_azureml.ui.places import RunPlace, TaskPlace
from airflow_azureml.ui.task_fields import TaskFields
from airflow_azureml.ui.views.reading import Reading
from airflow_azureml.ui.views.steps import RunStory, Step
from airflow_azureml.ui.workspaces import PageSource
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.unit

HOSTILE = "<script>alert(1)</script>"
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"
LONG = "z" * 2000


class Pages:
    """The application with a DAG run and a workspace of the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = RunPlace(dag_id=PLACE.dag_id, dag_run_id=PLACE.dag_run_id, reads_logs=True)
        self.story = a_story()
        self.workspace: PageWorkspace = whole_automl()
        app = create_app()
        app.dependency_overrides[run_place] = lambda: self.place
        values = {"azureml_conn_id": "azureml_default"}
        monkeypatch.setattr(TaskFields, "of", lambda task: TaskFields(task=task, values=values))
        monkeypatch.setattr("airflow_azureml.ui.dag_run_details.read_story", lambda _place: self.story)
        monkeypatch.setattr("airflow_azureml.ui.dag_run_details.page_source", self._source)
        self.client = TestClient(app, root_path="/sub/azureml")

    def show(self, page: str = "/dag-run", **query: Any) -> Response:
        return self.client.get(page, params=query)

    def text(self, page: str = "/dag-run", **query: Any) -> str:
        answer = self.show(page, **query)
        assert answer.status_code == 200, answer.text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))

    @contextmanager
    def _source(self, _conn_id: str, *, logs: bool) -> Iterator[PageSource]:
        workspace = cast("Workspace", self.workspace)
        reading = Reading(workspace, source=f"http://{id(self.workspace)}", logs=logs, clock=lambda: 0.0)
        yield PageSource(reading=reading, has_portal=False)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    return Pages(monkeypatch)


def a_task(task_id: str) -> TaskPlace:
    return replace(PLACE, task_id=task_id)


def a_done(task_id: str, start: float, seconds: float, **given: Any) -> Step:
    begun = NOW + timedelta(seconds=start)
    return Step(
        task=a_task(task_id),
        state="success",
        started_at=begun,
        ended_at=begun + timedelta(seconds=seconds),
        tries=1,
        **given,
    )


BENCHMARK = BenchmarkResult(
    name="bank-svc",
    requests=1000,
    failed=1,
    concurrency=4,
    mean_ms=1.5,
    min_ms=0.5,
    p50_ms=1.25,
    p95_ms=2.5,
    p99_ms=4.0,
    max_ms=9.0,
    requests_per_second=800.0,
    seconds=1.25,
    rows_per_request=2,
    thresholds=(ThresholdResult(name="p95_ms", limit=2.0, observed=2.5, passed=False),),
    histogram=((1.0, 400), (2.0, 500), (None, 100)),
)
SERVICE = ServiceResult(
    name="bank-svc",
    scoring_uri="http://127.0.0.1:9/score",
    swagger_uri="http://127.0.0.1:9/swagger.json",
    state="Healthy",
    model_name="bank",
    model_version=2,
    auth_enabled=True,
    app_insights_enabled=True,
)


def a_story(*more: Step, state: str = "success") -> RunStory:
    """`g.t` is the task that all runs of `ui_workspace` belong to."""
    return RunStory(
        dag_id=PLACE.dag_id,
        dag_run_id=PLACE.dag_run_id,
        state=state,
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=60),
        steps=(
            a_done("g.t", 0.5, 30, submitted={"conn_id": "c", "run_id": "AutoML_1"}),
            a_done("deploy", 31, 2, result=SERVICE.to_dict()),
            a_done("benchmark", 33, 1.25, result=BENCHMARK.to_dict()),
            *more,
        ),
    )


def whole_automl(name: str = "yes", validation: str = "5-fold cross-validation") -> PageWorkspace:
    """A completed AutoML run with the files that the local engine writes; `name` is of a class and a column."""
    workspace = completed_automl()
    curve = [0.0, 0.5, 1.0]
    files = {
        "evaluation": {
            "validation": validation,
            "rows": 100,
            "classes": ["no", name],
            "confusion_matrix": [[80, 5], [7, 8]],
            "roc": {each: {"false_positive_rate": curve, "true_positive_rate": curve} for each in ("no", name)},
            "precision_recall": {each: {"precision": curve, "recall": curve} for each in ("no", name)},
            "calibration": {each: [{"mean_predicted": 0.25, "observed": 0.5, "rows": 9}] for each in ("no", name)},
        },
        "explanation": {"method": "TreeSHAP", "raw": {name: 0.75, "b": 0.25}, "engineered": {f"{name}_log": 1.0}},
        "cohorts": {
            "rows": 100,
            "accuracy": 0.88,
            "min_rows": 30,
            "cohorts": [
                {
                    "column": name,
                    "cohort": name,
                    "rows": 40,
                    "accuracy": 0.5,
                    "accuracy_low": 0.4,
                    "accuracy_high": 0.6,
                    "recall": None,
                }
            ],
            "error_tree": [{"conditions": [name], "rows": 20, "error": 0.5, "error_low": 0.3, "error_high": 0.7}],
        },
        "metrics": {
            "primary_metric_interval": {
                "metric": "AUC_weighted",
                "level": 0.95,
                "low": 0.94,
                "high": 0.96,
                "method": "ten parts",
            }
        },
    }
    for path, content in files.items():
        workspace.files["AutoML_1", f"outputs/{path}.json"] = json.dumps(content).encode()
    return workspace


def test_everything_about_a_run(pages: Pages) -> None:
    text = pages.text()
    assert "g.t \N{CHECK MARK} Success 2026-11-21 05:13:48 UTC 30 s 1 its run" in text
    assert "When each task worked" in text
    assert "Web service bank-svc , Healthy" in text
    assert "Best model: VotingEnsemble" in text
    assert "AUC_weighted is between 0.94000 and 0.96000 with 95 % confidence (ten parts)." in text
    for chart in ("Confusion matrix", "ROC curve", "Precision and recall", "Calibration", "Weakest groups", "Trials"):
        assert chart in text
    assert "Importance of the columns" in text
    assert "Importance of the engineered features" in text
    assert "no 80 5 94.1 % yes 7 8 53.3 %" in text, "the confusion matrix as a table"
    assert "yes: yes 50.0 % 40.0 % 60.0 % 40" in text, "the weakest group"
    assert "Class imbalance" in text
    assert "1,000 requests of 2 rows, 4 at once, 1 failed, 800 requests/s." in text
    assert "\N{MULTIPLICATION X} Failed P95 ms 2.5, limit 2" in text
    assert "\N{LESS-THAN OR EQUAL TO} 1 400" in text, "the histogram as a table"


def test_a_run_without_these_files_says_so(pages: Pages) -> None:
    """As Azure's own AutoML is."""
    pages.workspace = completed_automl()
    text = pages.text()
    assert "The run left no files with curves, explanation and cohorts" in text
    assert "Best model: VotingEnsemble" in text


@pytest.mark.parametrize("content", [b"", b"[]", b'{"rows": "many"}', b"\xff"])
def test_a_file_of_another_form_is_as_good_as_none(pages: Pages, content: bytes) -> None:
    pages.workspace.files["AutoML_1", "outputs/evaluation.json"] = content
    text = pages.text()
    assert "ROC curve" not in text
    assert "Importance of the columns" in text


def test_files_are_read_once(pages: Pages) -> None:
    read: list[str] = []
    inner = pages.workspace.read_run_file

    def counted(run_id: str, path: str) -> bytes:
        read.append(path)
        return inner(run_id, path)

    pages.workspace.read_run_file = counted  # type: ignore[method-assign]
    pages.text()
    pages.text()
    assert sorted(read) == [f"outputs/{name}.json" for name in ("cohorts", "evaluation", "explanation", "metrics")]


def test_live_while_the_run_is_active(pages: Pages) -> None:
    pages.story = a_story(state="running")
    pages.workspace.runs["AutoML_1"] = a_run(status=RunStatus.RUNNING)
    answer = pages.show()
    text = pages.text()
    assert 'id="live" data-active="true"' in answer.text
    assert "Search: 20 s of 1 min used, 40 s left" in text
    assert "Best so far LightGBM, AUC_weighted 0.91235" in text
    assert "0.95123" in text, "trials as they finish"


def test_automl_step_of_a_pipeline_run_is_shown(pages: Pages) -> None:
    pages.workspace.runs["p-1"] = a_run("p-1", run_type="pipeline")
    pages.workspace.runs["AutoML_1"] = replace(a_run(), parent_run_id="p-1", submission_key=None)
    pages.workspace.steps = [a_step("automl", "AutoML_1", RunStatus.COMPLETED)]
    pages.story = replace(
        pages.story, steps=(a_done("g.t", 0, 9, submitted={"conn_id": "c", "run_id": "p-1"}), *pages.story.steps[1:])
    )
    assert "ROC curve" in pages.text()


def test_run_of_another_task_is_not_shown(pages: Pages) -> None:
    """Whoever may write XComs may write any run's id there."""
    pages.workspace.runs["AutoML_1"] = replace(a_run(), submission_key="somebody's")
    text = pages.text()
    assert "The workspace has no such run of this task" in text
    assert "VotingEnsemble" not in text
    assert "Benchmark of the web service" in text


@pytest.mark.parametrize("submitted", ["AutoML_1", {}, {"run_id": 7}, {"run_id": ""}, None, ["run_id"]])
def test_xcom_of_another_form_is_no_run(pages: Pages, submitted: Any) -> None:
    pages.story = replace(pages.story, steps=(a_done("g.t", 0, 1, submitted=submitted, result=submitted),))
    assert "AutoML run" not in pages.text()


def test_workspace_that_does_not_answer_costs_only_its_part(pages: Pages) -> None:
    pages.workspace.trouble = ServiceUnavailable("no answer from http://w")
    text = pages.text()
    assert "The workspace cannot be reached: no answer from http://w" in text
    assert "Benchmark of the web service" in text


def test_decision_of_the_gate(pages: Pages) -> None:
    record = decision(2, drop="2026-01-02", challenger=0.91, champion=0.9)
    own = replace(record, request=replace(record.request, by=f"{PLACE.dag_id}/{PLACE.dag_run_id}"))
    workspace = WholeWorkspace(**vars(pages.workspace), documents={own.path: own.to_dict()})
    workspace.results = {"AutoML_1": a_result_of(1, 0.9)}
    pages.workspace = workspace
    pages.story = a_story(a_done("gate", 40, 3, result=gate_result(own).to_dict()))
    text = pages.text()
    assert "Decision of the gate \N{CHECK MARK} Promote not worse on the holdout" in text
    assert "Challenger bank version 2 Champion bank version 1" in text

    other = replace(record, request=replace(record.request, by="other/run"))
    workspace.documents = {own.path: other.to_dict()}
    assert "Challenger bank version 2" not in pages.text()
    assert "not of this DAG run" in pages.text()


def test_logs_are_for_those_who_may_read_them(pages: Pages) -> None:
    assert "phase search" in pages.text()
    steps = tuple(replace(step, task=replace(step.task, reads_logs=False)) for step in pages.story.steps)
    pages.place, pages.story = replace(pages.place, reads_logs=False), replace(pages.story, steps=steps)
    assert "phase search" not in pages.text()


def test_report_is_one_file_that_needs_nothing_else(pages: Pages) -> None:
    answer = pages.show("/report")
    assert answer.headers["content-disposition"] == 'attachment; filename="d-manual__1_00_00.html"'
    html = answer.text
    assert "ROC curve" in html
    assert html.count("<svg") >= 8
    assert re.findall(r"<script|<link|<img|<iframe|<a |href=|src=", html) == []
    assert re.findall(r"url\((?!#)|@import", html) == []
    assert "default-src 'none'" in html


@pytest.mark.parametrize("page", ["/dag-run", "/report"])
@pytest.mark.parametrize("name", [HOSTILE, RIGHT_TO_LEFT, LONG, "\N{GRINNING FACE}", "</style><b>"])
def test_hostile_text_is_text(pages: Pages, page: str, name: str) -> None:
    pages.workspace = whole_automl(name, validation=name)
    pages.story = a_story(
        Step(task=a_task(name), state=name, started_at=None, ended_at=None),
        a_done("more", 2, 3, result=replace(SERVICE, name=name, state=name).to_dict()),
    )
    answer = pages.show(page)
    assert answer.status_code == 200
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert all(script.startswith('<script src="/sub/azureml/static/') for script in scripts)
    assert "<b>" not in answer.text
    assert answer.text.count("</style>") == (1 if page == "/report" else 0)
