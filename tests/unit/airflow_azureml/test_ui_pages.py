"""The pages with records of a test: no Airflow login, no database, no workspace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported

# isort: split
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi.testclient import TestClient
from httpx import Response
from tests.unit.airflow_azureml.ui_workspace import (
    PLACE,
    PageWorkspace,
    a_pipeline,
    a_run,
    a_trial,
    completed_automl,
    completed_pipeline,
    running_pipeline,
)

from airflow_azureml._submission import task_mark
from airflow_azureml.ui.access import task_place
from airflow_azureml.ui.app import create_app
from airflow_azureml.ui.task_fields import TaskFields
from airflow_azureml.ui.views.reading import LAST_QUESTION_SECONDS, Reading
from airflow_azureml.ui.workspaces import PageSource
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized
from azureml_workspace.records import DataGuardFinding
from azureml_workspace.statuses import PipelineStatus, RunStatus

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import Run

pytestmark = pytest.mark.unit

HOSTILE = "<script>alert(1)</script>"
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"


class Pages:
    """The application with a workspace, an XCom and arguments of a task of the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.xcom: Any = {"conn_id": "elsewhere", "run_id": "AutoML_1", "pipeline_id": "id-1"}
        self.fields: dict[str, Any] = {"azureml_conn_id": "azureml_default", "name": "bank-train"}
        self.place = PLACE
        self.workspace = completed_automl()
        self.has_portal = False
        self.clock = 0.0
        self.opened: list[str] = []
        app = create_app()
        app.dependency_overrides[task_place] = lambda: self.place
        monkeypatch.setattr("airflow_azureml.ui.submitted._xcom", lambda _task, _key: self.xcom)
        monkeypatch.setattr(TaskFields, "of", lambda task: TaskFields(task=task, values=self.fields))
        for page in ("run", "pipeline"):
            monkeypatch.setattr(f"airflow_azureml.ui.pages.{page}.page_source", self._source)
        self.client = TestClient(app, root_path="/sub/azureml")

    def show(self, workspace: PageWorkspace, run_id: str = "AutoML_1", **query: str) -> Response:
        self.workspace = workspace
        self.xcom["run_id"] = run_id
        return self.client.get("/run", params=query)

    @contextmanager
    def _source(self, conn_id: str, *, logs: bool) -> Iterator[PageSource]:
        self.opened.append(conn_id)
        workspace = cast("Workspace", self.workspace)
        source = f"http://{id(self.workspace)}"
        reading = Reading(workspace, source=source, logs=logs, clock=lambda: self.clock)
        yield PageSource(reading=reading, has_portal=self.has_portal)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    return Pages(monkeypatch)


def words_of(html: str) -> str:
    """The text as one line, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def leaderboard(html: str) -> str:
    """The table of the child runs."""
    return html.partition('aria-label="Child runs"')[2].partition("</table>")[0]


def test_completed_automl_run(pages: Pages) -> None:
    answer = pages.show(completed_automl())
    text = words_of(answer.text)
    assert answer.status_code == 200
    assert "AutoML run \N{CHECK MARK} Completed" in text
    assert "Dataset bank:3" in text
    assert "In the queue 10 s" in text
    assert "Run time 1 min 20 s" in text
    assert "Best model: VotingEnsemble" in text
    assert "Metrics measured by 5-fold cross-validation; 32,950 rows used, 2 without a label dropped." in text
    assert "Class imbalance few 'yes' kept y".replace("'", "&#39;") in text
    assert "phase search phase finalize" in text
    assert "Refreshed every few seconds" not in text
    assert "Iterations" not in text, "a property that says nothing"


def test_primary_metric_first_then_by_name(pages: Pages) -> None:
    names = re.findall(r"<dt>([^<]+)</dt><dd>[\d.]+</dd>", pages.show(completed_automl()).text)
    assert names == ["AUC_weighted", "accuracy", "log_loss"]


def test_leaderboard_has_the_best_first_and_failures_last(pages: Pages) -> None:
    table = leaderboard(pages.show(completed_automl()).text)
    rows = [words_of(row) for row in table.split("<tr")[2:]]
    assert "2 VotingEnsemble best 0.95123 1.2 s" in rows[0]
    assert "0 LightGBM 0.91000" in rows[1]
    assert "Failed ValueError: no such thing" in rows[2]


def test_running_automl_run_says_how_far_it_is_and_refreshes(pages: Pages) -> None:
    workspace = completed_automl()
    workspace.runs["AutoML_1"] = a_run(status=RunStatus.RUNNING)
    answer = pages.show(workspace)
    assert 'id="live" data-active="true"' in answer.text
    assert "Search: 20 s of 1 min used, 40 s left" in words_of(answer.text)
    assert "Best so far LightGBM, AUC_weighted 0.91235" in words_of(answer.text)
    assert "Best model" not in answer.text


def test_failed_run_says_why(pages: Pages) -> None:
    workspace = completed_automl()
    workspace.runs["AutoML_1"] = replace(a_run(status=RunStatus.FAILED), error="out of memory; give it more")
    text = words_of(pages.show(workspace).text)
    assert "Failed: out of memory; give it more" in text
    assert "Best model" not in text


def test_status_that_is_not_known_yet_is_shown_and_followed(pages: Pages) -> None:
    workspace = completed_automl()
    workspace.runs["AutoML_1"] = a_run(status=RunStatus.UNKNOWN)
    answer = pages.show(workspace)
    assert "? Unknown" in words_of(answer.text)
    assert 'data-active="true"' in answer.text


def test_pipeline_run_shows_steps_and_logs(pages: Pages) -> None:
    answer = pages.show(running_pipeline(), "p-1")
    text = words_of(answer.text)
    assert "automl \N{BLACK RIGHT-POINTING TRIANGLE} Running" in text
    assert "register_model \N{HORIZONTAL ELLIPSIS} NotStarted" in text
    assert "the step began" in text
    assert "Outputs" not in text
    (link,) = re.findall(r'href="([^"]+step=[^"]+)"', answer.text)
    place = "dag_id=d&amp;dag_run_id=manual__1%2B00%3A00&amp;task_id=g.t"
    assert link == f"/sub/azureml/run?{place}&amp;step=automl"


def test_completed_pipeline_run_shows_what_came_out(pages: Pages) -> None:
    text = words_of(pages.show(completed_pipeline(), "p-1").text)
    assert "Registered model bank-model, version 7" in text
    assert "VotingEnsemble of 3 child runs" in text
    assert "Dataset bank, version 3" in text
    assert "AUC_weighted 0.95123" in text


def test_step_is_shown_as_part_of_its_run(pages: Pages) -> None:
    text = words_of(pages.show(running_pipeline(), "p-1", step="automl").text)
    assert "Step automl" in text
    assert "Best so far" in text
    assert "the step began" in text


@pytest.mark.parametrize("step", ["nothing", "register_model", "../p-1"])
def test_step_that_there_is_not(pages: Pages, step: str) -> None:
    assert pages.show(running_pipeline(), "p-1", step=step).status_code == 404


def test_run_of_another_parent_is_no_step(pages: Pages) -> None:
    workspace = running_pipeline()
    workspace.runs["AutoML_1"] = replace(workspace.runs["AutoML_1"], parent_run_id="p-2")
    answer = pages.show(workspace, "p-1", step="automl")
    assert answer.status_code == 404
    assert "LightGBM" not in answer.text


def test_hostile_text_is_text(pages: Pages) -> None:
    workspace = completed_automl()
    finding = DataGuardFinding(
        guard=HOSTILE, severity="info", message=HOSTILE, action=HOSTILE, columns=(HOSTILE, RIGHT_TO_LEFT, "x" * 5000)
    )
    assert workspace.result is not None
    workspace.result = replace(workspace.result, findings=(finding,), validation=HOSTILE, best_algorithm=HOSTILE)
    workspace.children = [a_trial(0, 0.5, algorithm=HOSTILE)]
    workspace.runs["AutoML_1"] = replace(a_run(), experiment_name=HOSTILE, error=HOSTILE, properties={HOSTILE: HOSTILE})
    workspace.files = {("AutoML_1", "logs/job.log"): HOSTILE.encode() + b"\xff\0\x1b[31mred\x1b[0m"}
    answer = pages.show(workspace)
    assert answer.text.count("<script") == answer.text.count('<script src="/sub/azureml/static/') == 3, "the page's own"
    assert answer.text.count("alert(1)") >= 11
    assert "\N{REPLACEMENT CHARACTER}red" in answer.text
    assert RIGHT_TO_LEFT in answer.text


def test_long_log_is_cut_at_its_beginning(pages: Pages) -> None:
    workspace = completed_automl()
    lines = "\n".join(f"line {number}" for number in range(1000))
    workspace.files = {("AutoML_1", "logs/job.log"): lines.encode()}
    text = words_of(pages.show(workspace).text)
    assert "line 999" in text
    assert "line 800 " in text
    assert "line 799 " not in text
    assert "The last lines of" in text


def test_many_trials_are_cut_at_their_end(pages: Pages) -> None:
    workspace = completed_automl()
    workspace.children = [a_trial(number, number / 1000) for number in range(300)]
    text = words_of(pages.show(workspace).text)
    assert "The best 200 of 300." in text
    table = leaderboard(pages.show(workspace).text)
    assert "0.29900" in table
    assert "0.09900" not in table


def test_portal_is_offered_only_where_there_is_one(pages: Pages) -> None:
    address = "http://127.0.0.1:8790/v1/runs/AutoML_1"
    assert address not in pages.show(completed_automl()).text
    pages.has_portal = True
    assert f'href="{address}"' in pages.show(completed_automl()).text


def test_published_pipeline(pages: Pages) -> None:
    workspace = PageWorkspace(pipelines=[a_pipeline(2), a_pipeline(1, status=PipelineStatus.DISABLED)])
    pages.workspace = workspace
    answer = pages.client.get("/pipeline")
    text = words_of(answer.text)
    assert answer.status_code == 200
    assert "Pipeline bank-train , version 1 \N{EN DASH} Disabled" in text
    assert "http://127.0.0.1:8790/submit/by-name" in text
    assert "2 \N{CHECK MARK} Active default" in text
    assert "dataset_version latest" in text


@pytest.mark.parametrize(
    ("trouble", "status", "says", "passing"),
    [
        (ServiceUnavailable("no answer from http://w"), 503, "The workspace cannot be reached", "true"),
        (Unauthorized("token refused"), 502, "refused the credentials", "false"),
        (InvalidRequest("no such backend"), 502, "no useful answer", "false"),
        (AirflowNotFoundException("no connection 'c'"), 503, "There is no such connection", "false"),
    ],
)
def test_trouble_is_said_in_words(pages: Pages, trouble: Exception, status: int, says: str, passing: str) -> None:
    answer = pages.show(PageWorkspace(trouble=trouble))
    assert answer.status_code == status
    assert says in answer.text
    assert str(trouble).replace("'", "&#39;") in answer.text
    assert f'data-passing="{passing}"' in answer.text


def test_run_that_is_gone(pages: Pages) -> None:
    answer = pages.show(PageWorkspace(), "AutoML_9")
    assert answer.status_code == 404
    assert "The workspace has no such run of this task" in answer.text


@pytest.mark.parametrize("key", [None, "", "somebody's", task_mark("d", "manual__1+00:00", "g.t", 0), "airflow-"])
def test_run_that_another_submitted_is_not_told_from_one_that_is_not_there(pages: Pages, key: str | None) -> None:
    """Whoever may write XComs may write any run's id there."""
    missing = pages.show(PageWorkspace(), "AutoML_1")
    workspace = completed_automl()
    workspace.runs["AutoML_1"] = replace(a_run(), submission_key=key)
    answer = pages.show(workspace)
    assert (answer.status_code, answer.text) == (missing.status_code, missing.text)
    assert pages.show(workspace, step="automl").text == missing.text


@pytest.mark.parametrize("given", ["AutoML_1", {"run_id": "AutoML_1", "status": "Running"}])
def test_run_that_a_sensor_was_given(pages: Pages, given: Any) -> None:
    workspace = completed_automl()
    workspace.runs["AutoML_1"] = replace(a_run(), submission_key=None)
    pages.fields["run"] = given
    assert pages.show(workspace).status_code == 200
    pages.fields["run"] = "AutoML_2"
    assert pages.show(workspace).status_code == 404


def test_pipeline_of_another_name(pages: Pages) -> None:
    pages.workspace = PageWorkspace(pipelines=[a_pipeline(1)])
    assert pages.client.get("/pipeline").status_code == 200
    pages.fields["name"] = "other"
    answer = pages.client.get("/pipeline")
    assert answer.status_code == 404
    assert "bank-train" not in answer.text


def test_connection_is_the_task_s_and_not_the_xcom_s(pages: Pages) -> None:
    pages.show(completed_automl())
    pages.fields.clear()
    answer = pages.show(completed_automl())
    assert pages.opened == ["azureml_default"]
    assert answer.status_code == 404
    assert "num_dag_runs_to_retain_rendered_fields" in answer.text


def test_logs_are_for_those_who_may_read_them(pages: Pages) -> None:
    pages.place = replace(PLACE, reads_logs=False)
    for workspace, run_id, step in (
        (completed_automl(), "AutoML_1", {}),
        (completed_pipeline(), "p-1", {}),
        (running_pipeline(), "p-1", {"step": "automl"}),
    ):
        answer = pages.show(workspace, run_id, **step)
        assert answer.status_code == 200
        assert workspace.logs_read == []
        assert "Airflow does not let you read the logs" in answer.text
        assert "Log of" not in answer.text


def test_log_of_a_step_that_ended_is_read_once(pages: Pages) -> None:
    workspace = completed_pipeline()
    workspace.runs["p-1"] = a_run("p-1", status=RunStatus.RUNNING, run_type="pipeline")
    for _ in range(3):
        assert "registered" in pages.show(workspace, "p-1").text
    assert workspace.logs_read.count(("r-1", "logs/step.log")) == 1
    assert workspace.logs_read.count(("p-1", "logs/pipeline.log")) == 3


def test_part_that_is_late_is_said_to_be_missing(pages: Pages) -> None:
    workspace = completed_automl()
    workspace.late = ServiceUnavailable("no answer within 3 s")
    text = words_of(pages.show(workspace).text)
    assert "this is not shown: child runs, log logs/job.log of AutoML_1." in text
    assert "Best model: VotingEnsemble" in text
    assert "No trial has ended" not in text
    assert "Nothing has been logged" not in text


def test_page_does_not_wait_for_a_slow_workspace(pages: Pages) -> None:
    workspace = completed_pipeline()
    answers = workspace.get_run

    def slowly(run_id: str) -> Run:
        pages.clock += LAST_QUESTION_SECONDS
        return answers(run_id)

    workspace.get_run = slowly  # type: ignore[method-assign]
    text = words_of(pages.show(workspace, "p-1").text)
    assert "this is not shown: steps, outputs, log logs/pipeline.log of p-1. Reload the page." in text
    assert workspace.logs_read == []
    step = pages.show(workspace, "p-1", step="automl")
    assert step.status_code == 503
    assert 'data-passing="true"' in step.text


@pytest.mark.parametrize("xcom", [None, "AutoML_1", {}, {"conn_id": "c"}, {"run_id": 5}, {"run_id": ""}, ["x"]])
def test_task_that_wrote_down_no_run(pages: Pages, xcom: Any) -> None:
    pages.xcom = xcom
    answer = pages.client.get("/run")
    assert answer.status_code == 404
    assert "This task has no Azure ML run" in answer.text


def test_addresses_stay_below_the_root_that_airflow_has(pages: Pages) -> None:
    html = pages.show(completed_automl()).text
    addresses = re.findall(r'(?:href|src)="([^"]+)"', html)
    assert "/sub/dags/d/runs/manual__1%2B00%3A00/tasks/g.t" in addresses
    assert all(address.startswith("/sub/") for address in addresses), addresses


@pytest.mark.parametrize("path", ["/run", "/nothing", "/static/azureml.css", "/static/nothing"])
def test_every_answer_is_guarded_by_headers(pages: Pages, path: str) -> None:
    headers = pages.client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_page_keeps_to_its_own_policy(pages: Pages) -> None:
    """Inline scripts and styles would be refused by the browser."""
    html = pages.show(completed_automl()).text + pages.show(running_pipeline(), "p-1").text
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script>", html) == []


def test_nothing_describes_the_routes_to_strangers(pages: Pages) -> None:
    assert [pages.client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404] * 3
