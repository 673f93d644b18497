"""The pages of the navigation with records of a test: no Airflow login, no database, no workspace."""

from __future__ import annotations

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
from tests.unit.airflow_azureml.ui_whole_workspace import (
    PRIMARY_KEY,
    WholeWorkspace,
    a_dataset,
    a_model,
    a_profile,
    a_result_of,
    a_service,
)
from tests.unit.airflow_azureml.ui_workspace import NOW, a_pipeline, a_run

from airflow_azureml.ui.app import create_app
from airflow_azureml.ui.submitted_runs import SubmittedRun
from airflow_azureml.ui.views.reading import Reading
from airflow_azureml.ui.workspace_access import WorkspaceReader, workspace_reader
from airflow_azureml.ui.workspaces import PageSource
from azureml_drops.ledger import DropEvent, DropRecord, DropStatus
from azureml_gate.decision import DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.figures import ModelFigures
from azureml_gate.history import ChampionAction, ChampionEntry, ChampionHistory
from azureml_workspace.errors import ServiceUnavailable

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.unit

HOSTILE = "<script>alert(1)</script>"
EVERYTHING = WorkspaceReader(conn_id="azureml_default", reads_logs=True, may_score=True, may_see_keys=True)
LOOKING = replace(EVERYTHING, reads_logs=False, may_score=False, may_see_keys=False)
PAGE = {"X-Azureml-Page": "test"}


class Pages:
    """The application with a workspace of the test's, and somebody who looks at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reader = EVERYTHING
        self.workspace = WholeWorkspace()
        self.submitted: list[SubmittedRun] = []
        self.clock = 0.0
        app = create_app()
        app.dependency_overrides[workspace_reader] = lambda: self.reader
        monkeypatch.setattr("airflow_azureml.ui.workspace_pages.page_source", self._source)
        monkeypatch.setattr("airflow_azureml.ui.pages.pipelines.submitted_runs", lambda _conn_id: self.submitted)
        self.client = TestClient(app, root_path="/sub/azureml")

    def get(self, path: str, **query: Any) -> Response:
        return self.client.get(path, params=query)

    def text(self, path: str, **query: Any) -> str:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))

    @contextmanager
    def _source(self, conn_id: str, *, logs: bool) -> Iterator[PageSource]:
        reading = Reading(
            cast("Workspace", self.workspace),
            source=f"http://{id(self.workspace)}",
            logs=logs,
            clock=lambda: self.clock,
        )
        yield PageSource(reading=reading, has_portal=False)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    return Pages(monkeypatch)


def decision(version: int, *, drop: str, challenger: float, champion: float, **changes: Any) -> DecisionRecord:
    figures = {
        side: ModelFigures(name="bank", version=number, service=service, metrics={"AUC_weighted": score})
        for side, number, service, score in (
            ("challenger_figures", version, "bank-candidate", challenger),
            ("champion_figures", version - 1, "bank-svc", champion),
        )
    }
    given: dict[str, Any] = {
        "decision_id": f"d{version}",
        "at": NOW + timedelta(minutes=version),
        "request": GateRequest(
            service="bank-svc",
            candidate_service="bank-candidate",
            challenger=Versioned(name="bank", version=version),
            holdout=Versioned(name="bank-data-holdout", version=1),
            label="y",
            drop_key=drop,
        ),
        "champion": Versioned(name="bank", version=version - 1),
        "verdict": Verdict.PROMOTE,
        "reason": "not worse on the holdout",
        **figures,
    }
    return DecisionRecord(**(given | changes))


def a_whole_workspace() -> WholeWorkspace:
    """Two versions of a model that came of two drops, the second one served."""
    decisions = [
        decision(2, drop="2026-01-02", challenger=0.91, champion=0.9),
        decision(3, drop="2026-01-03", challenger=0.8, champion=0.91, verdict=Verdict.REJECT, reason="clearly worse"),
    ]
    history = ChampionHistory(
        service="bank-svc",
        entries=(
            ChampionEntry(
                at=NOW,
                action=ChampionAction.PROMOTED,
                model=Versioned(name="bank", version=2),
                previous=Versioned(name="bank", version=1),
                drop_key="2026-01-02",
                by="drops/run-2",
            ),
        ),
    )
    drop = DropRecord(
        dataset="bank-data",
        key="2026-01-02",
        events=(DropEvent(status=DropStatus.PROMOTED, at=NOW, dataset_version=2, model_name="bank", model_version=2),),
    )
    return WholeWorkspace(
        models=[a_model(1), a_model(2, drop_key="2026-01-02")],
        results={"AutoML_1": a_result_of(1, 0.9), "AutoML_2": a_result_of(2, 0.91)},
        services=[a_service()],
        datasets=[a_dataset(1), a_dataset(2, drop_key="2026-01-02")],
        profiles={1: a_profile(), 2: a_profile(mean=55.0)},
        documents={record.path: record.to_dict() for record in decisions}
        | {"champions/bank-svc": history.to_dict(), "drops/bank-data/2026-01-02": drop.to_dict()},
    )


def test_models_with_history_decisions_and_metric_over_drops(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    text = pages.text("/models")
    assert "AUC_weighted on the holdout, decision by decision" in text
    assert "2026-01-02 0.91 0.9 2026-01-03 0.8 0.91" in text, "the chart's figures, in the order of the decisions"
    assert "\N{CHECK MARK} Promoted bank-svc bank version 2 bank version 1 2026-01-02 drops/run-2" in text
    assert "\N{MULTIPLICATION X} Reject bank-svc bank version 3" in text
    assert "clearly worse" in text
    versions = text.partition("Versions")[2]
    assert re.search(r"2 2026-11-21 05:13:48 UTC bank-svc .* 0.91000 .* 1 2026-11-21", versions)


def test_models_read_what_never_changes_once(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    first = pages.text("/models")
    asked = dict(pages.workspace.asked)
    assert pages.text("/models").partition("as of")[0] == first.partition("as of")[0]
    again = {name: pages.workspace.asked[name] - asked[name] for name in ("automl_result", "read_document")}
    assert again == {"automl_result": 0, "read_document": 0}


def test_a_decision_that_was_made_anew_is_read_anew(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    pages.text("/models")
    path = next(path for path in pages.workspace.documents if path.endswith("/d3"))
    pages.workspace.documents[path] |= {"reason": "another reason"}
    assert "another reason" in pages.text("/models")


def test_metrics_that_are_late_are_said_to_be_missing(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    pages.workspace.late = ServiceUnavailable("no answer within 3 s")
    text = pages.text("/models")
    assert "not all of this is shown: metrics of the versions." in text
    assert pages.workspace.asked["automl_result"] == 1, "one that is late is enough"


def test_documents_of_another_form_are_left_out(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    pages.workspace.documents["decisions/bank-svc/odd"] = {"decision_id": 7}
    pages.workspace.documents["champions/odd"] = {"entries": "none"}
    assert "clearly worse" in pages.text("/models")


def test_web_services(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    answer = pages.get("/services")
    text = pages.text("/services", name="bank-svc")
    assert "Requests 60 Failed 2 Rows 100" in text
    assert "1.25, 2.5, 3.75 ms" in text
    assert "0 to 1 min 0 2 1 to 5 min 15 0" in text, "requests per minute"
    assert "the service&#39;s own words".replace("&#39;", "'") in text.replace("&#39;", "'")
    assert PRIMARY_KEY not in answer.text
    assert "service_keys" not in pages.workspace.asked, "keys are not even read until somebody asks"


def test_who_may_only_look_sees_no_log_no_key_and_cannot_score(pages: Pages) -> None:
    pages.workspace, pages.reader = a_whole_workspace(), LOOKING
    text = pages.text("/services")
    assert "the service's own words" not in text.replace("&#39;", "'")
    assert "Show the keys" not in text
    assert "service_logs" not in pages.workspace.asked
    for path in ("keys", "score"):
        refused = pages.client.post(f"/services/{path}", params={"name": "bank-svc"}, headers=PAGE, content=b"{}")
        assert refused.status_code == 403
    assert "service_keys" not in pages.workspace.asked


def test_keys_are_given_to_a_page_alone(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    query = {"name": "bank-svc"}
    assert pages.client.post("/services/keys", params=query, headers=PAGE).json()["primary"] == PRIMARY_KEY
    assert pages.client.post("/services/keys", params=query).status_code == 403, "another site's form"
    assert pages.client.get("/services/keys", params=query, headers=PAGE).status_code in (404, 405)


def test_data_with_profile_drops_and_drift(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    text = pages.text("/data")
    assert "bank-data , version 2" in text
    assert "25 to 85, mean 55, median 55" in text
    assert "clerk (600), cook (400)" in text
    assert "Against version 1" in text
    drift = re.search(r"PSI \(estimated\).*?age ([\d.]+) ", text)
    assert drift is not None
    assert float(drift[1]) > 0.5
    assert "2026-01-02 \N{CHECK MARK} Promoted" in text
    assert pages.workspace.asked["dataset_profile"] == 2
    pages.text("/data")
    assert pages.workspace.asked["dataset_profile"] == 2


def test_data_of_a_version_that_was_asked_for(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    assert "bank-data , version 1" in pages.text("/data", name="bank-data", version=1)
    assert "Against version 2" in pages.text("/data", name="bank-data", version=1, against=2)
    assert pages.get("/data", name="bank-data", version=9).status_code == 404
    assert pages.get("/data", name="bank-data", version="x").status_code == 400


def test_pipelines_and_their_runs(pages: Pages) -> None:
    run = replace(
        a_run("p-1", run_type="pipeline"), properties={"pipeline_name": "bank-train", "pipeline_version": "2"}
    )
    pages.workspace = WholeWorkspace(pipelines=[a_pipeline(2), a_pipeline(1)], runs={"p-1": run})
    at = {"at": NOW, "task_id": "t", "schedule": "daily"}
    pages.submitted = [
        SubmittedRun(run_id="p-1", dag_id="retrain", dag_run_id="r", **at),
        SubmittedRun(run_id="gone", dag_id="retrain", dag_run_id="s", **at),
    ]
    text = pages.text("/pipelines")
    assert "bank-train default 2 \N{CHECK MARK} Active" in text
    assert "http://127.0.0.1:8790/submit/id-2" in text
    assert "\N{CHECK MARK} Completed pipeline bank-train version 2 1 min 20 s retrain r daily" in text
    assert " s daily" not in text, "a run that is not in the workspace"


@pytest.mark.parametrize("path", ["/models", "/services", "/data", "/pipelines"])
def test_an_empty_workspace_says_so(pages: Pages, path: str) -> None:
    assert re.search(r"in this workspace yet|None yet", pages.text(path))


@pytest.mark.parametrize("path", ["/models", "/services", "/data", "/services/consume", "/services/swagger"])
def test_what_there_is_not(pages: Pages, path: str) -> None:
    pages.workspace = a_whole_workspace()
    assert pages.get(path, name="nothing").status_code == 404


@pytest.mark.parametrize("path", ["/models", "/services", "/data", "/pipelines"])
def test_a_workspace_that_does_not_answer(pages: Pages, path: str) -> None:
    pages.workspace.trouble = ServiceUnavailable("no answer from http://w")
    answer = pages.get(path)
    assert answer.status_code == 503
    assert 'data-passing="true"' in answer.text


def test_hostile_text_is_text_on_every_page(pages: Pages) -> None:
    rtl, long = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "y" * 2000
    workspace = a_whole_workspace()
    workspace.models = [a_model(1, **{"drop_key": HOSTILE, HOSTILE: rtl}), a_model(2, drop_key=long)]
    workspace.results = {
        f"AutoML_{n}": replace(
            a_result_of(n, 0.9),
            validation=HOSTILE,
            best_algorithm=HOSTILE,
            primary_metric=HOSTILE,
            metrics={HOSTILE: n / 10},
        )
        for n in (1, 2)
    }
    workspace.datasets = [a_dataset(1, column=HOSTILE), a_dataset(2, column=HOSTILE, drop_key=HOSTILE)]
    words = {HOSTILE: 500, long: 300, rtl: 100, "\N{GRINNING FACE}": 100}
    workspace.profiles = {n: a_profile(column=HOSTILE, mean=40.0 + n, words=words) for n in (1, 2)}
    workspace.services = [a_service(error=HOSTILE, tags={HOSTILE: long})]
    workspace.documents = {
        "decisions/bank-svc/a": decision(2, drop=HOSTILE, challenger=0.9, champion=0.8, reason=HOSTILE).to_dict(),
        "decisions/bank-svc/b": decision(3, drop=long, challenger=0.9, champion=0.8, reason=rtl).to_dict(),
        "champions/bank-svc": ChampionHistory(
            service="bank-svc",
            entries=(
                ChampionEntry(
                    at=NOW,
                    action=ChampionAction.RESTORED,
                    model=Versioned(name="bank", version=2),
                    previous=None,
                    drop_key=HOSTILE,
                    by=HOSTILE,
                    reason=HOSTILE,
                ),
            ),
        ).to_dict(),
        "drops/bank-data/a": DropRecord(
            dataset="bank-data",
            key="a",
            events=(DropEvent(status=DropStatus.QUARANTINED, at=NOW, reason=HOSTILE, by=HOSTILE),),
        ).to_dict(),
    }
    pages.workspace = workspace
    for path in ("/models", "/services", "/data"):
        answer = pages.get(path)
        assert answer.status_code == 200
        scripts = re.findall(r"<script[^>]*>", answer.text)
        assert all(script.startswith('<script src="/sub/azureml/static/') for script in scripts)
        assert answer.text.count("alert(1)") >= 3, path
        assert re.findall(r"<style|\sstyle=|\son\w+=", re.sub(r">[^<]*<", "><", answer.text)) == []


@pytest.mark.parametrize("conn_id", ["azureml_default", "other"])
def test_links_stay_at_the_connection(pages: Pages, conn_id: str) -> None:
    pages.workspace, pages.reader = a_whole_workspace(), replace(EVERYTHING, conn_id=conn_id)
    html = pages.get("/models").text
    expected = "/sub/azureml/services" + ("?conn_id=other" if conn_id == "other" else "")
    assert f'href="{expected}"' in html


def test_swagger_ui_alone_may_show_images_of_its_own_style(pages: Pages) -> None:
    pages.workspace = a_whole_workspace()
    policies = {
        path: pages.get(path, name="bank-svc").headers["content-security-policy"]
        for path in ("/services", "/services/swagger")
    }
    assert "img-src 'self';" in policies["/services"]
    assert "img-src 'self' data:;" in policies["/services/swagger"]
    for policy in policies.values():
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
