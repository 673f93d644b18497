"""The pages in Airflow's UI, in a browser: a run of hostile data from the trigger form to a score in Swagger UI.

The DAG runs in a real Airflow with its scheduler. What would be a script, were it not text, would open a dialog.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests
from playwright.sync_api import FrameLocator, Page, expect
from tests.browser import CHROMIUM, open_page
from tests.e2e.airflow_pages import AirflowPages
from tests.e2e.conftest import DAGS
from tests.e2e.hostile_csv import EMOJI, LABEL, RIGHT_TO_LEFT, SCRIPT, write_hostile_csv
from tests.e2e.standalone import Standalone
from tests.local_server import LocalServer, eventually

from azureml_local.paths import Home
from azureml_local.server.shutdown import live_jobs

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="needs the system package chromium (apt-get install chromium)"),
]

DAG = "bank_marketing_train"
SERVICE, DATASET = "pages-svc", "pages-data"
PATIENT_MS = 120_000
FORM = {
    "Data": {"label": LABEL},
    "Names": {"dataset_name": DATASET, "service_name": SERVICE},
    "AutoML": {"experiment_timeout_minutes": "0.5", "iterations": "4"},
    "Benchmark": {"benchmark_requests": "300"},
}


class Watched:
    """What a page asked for and said that it should not have."""

    def __init__(self, page: Page) -> None:
        self.troubles: list[str] = []
        page.on("dialog", lambda dialog: (self.troubles.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.troubles.append(f"error {error}"))
        page.on("console", self._on_console)
        page.on("request", self._on_request)

    def _on_console(self, message: object) -> None:
        text = str(getattr(message, "text", ""))
        if "Content Security Policy" in text:
            self.troubles.append(text)

    def _on_request(self, request: object) -> None:
        address = urlsplit(str(getattr(request, "url", "")))
        if address.scheme in ("http", "https") and address.hostname != "127.0.0.1":
            self.troubles.append(f"asked {address.hostname}")


@pytest.fixture(scope="module")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """One of this file's own: the pages begin with what is there first, and other tests have datasets too."""
    server = LocalServer(tmp_path_factory.mktemp("azureml")).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def airflow(local_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    extra = {"backend": "local", "token_file": str(local_server.home / "token")}
    connection = {"conn_type": "azureml", "host": local_server.url, "extra": extra}
    made = Standalone(
        home=tmp_path_factory.mktemp("pages") / "airflow",
        dags=DAGS,
        environment={"AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connection)},
    )
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go; a folder that is named by the environment is kept."""
    named = os.environ.get("PAGES_SHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def pages(airflow: Standalone, shots: Path) -> Iterator[AirflowPages]:
    with open_page(1280, 900) as page:
        opened = AirflowPages(page, airflow.url, shots)
        opened.log_in("admin", "admin")
        yield opened


@pytest.fixture(scope="module")
def watched(pages: AirflowPages) -> Watched:
    return Watched(pages.page)


def tab(page: Page) -> FrameLocator:
    """The inside of the page that Airflow shows."""
    return page.frame_locator("iframe")


@pytest.fixture(scope="module")
def run_id(
    airflow: Standalone,
    local_server: LocalServer,
    pages: AirflowPages,
    watched: Watched,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The run that was started through the form; its tab was looked at while AutoML was at work, and never reloaded."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.csv"
    write_hostile_csv(path)
    eventually(lambda: airflow.call("GET", f"/dags/{DAG}"), seconds=120, what="the DAG")
    form = {**FORM, "Data": {**FORM["Data"], "data_path": str(path)}}
    run_id = pages.trigger(DAG, form)
    jobs = Home(local_server.home)
    (job,) = eventually(lambda: live_jobs(jobs).values(), seconds=180, what="the AutoML job")
    pages.page.goto(f"{airflow.url}/dags/{DAG}/runs/{run_id}/plugin/azureml-run-details")
    expect(tab(pages.page).get_by_text("Trials done")).to_be_visible(timeout=PATIENT_MS)
    os.kill(job.pid, signal.SIGSTOP)  # so that the picture is of a run at work
    pages.shot("run-details-while-it-runs")
    os.kill(job.pid, signal.SIGCONT)
    expect(tab(pages.page).get_by_text("Latency of the load test").first).to_be_visible(timeout=PATIENT_MS)
    expect(tab(pages.page).get_by_text("ROC curve").first).to_be_visible(timeout=PATIENT_MS)
    return run_id


def details(run_id: str) -> str:
    return f"/azureml/dag-run?dag_id={DAG}&dag_run_id={quote(run_id, safe='')}"


@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_run_details_show_hostile_names_as_text(
    airflow: Standalone, pages: AirflowPages, watched: Watched, run_id: str, width: int, scheme: str
) -> None:
    page = pages.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(airflow.url + details(run_id))
    for title in ("Confusion matrix", "ROC curve", "Calibration", "Importance of the columns", "Weakest groups"):
        expect(page.get_by_text(title, exact=True).first).to_be_visible()
    body = page.locator("body").text_content() or ""
    for text in (SCRIPT, RIGHT_TO_LEFT, EMOJI):
        assert text in body
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, "nothing to scroll sideways"
    pages.shot(f"run-details-{scheme}-{width}")
    assert watched.troubles == []
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def test_a_chart_is_read_by_the_keyboard(airflow: Standalone, pages: AirflowPages, run_id: str) -> None:
    page = pages.page
    page.goto(airflow.url + details(run_id))
    chart = page.locator("figure", has=page.get_by_text("Importance of the columns", exact=True)).locator("svg.chart")
    chart.focus()
    page.keyboard.press("ArrowRight")
    tip = page.locator(".tip")
    expect(tip).to_contain_text("Share of the importance")
    first = tip.text_content()
    page.keyboard.press("ArrowRight")
    assert tip.text_content() != first
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "heading", "says"),
    [
        ("models", "Models", DATASET),
        ("services", "Web services", SERVICE),
        ("data", "Data", SCRIPT),
        ("pipelines", "Pipelines", DAG),
    ],
)
def test_pages_of_the_navigation(
    airflow: Standalone, pages: AirflowPages, watched: Watched, run_id: str, name: str, heading: str, says: str
) -> None:
    page = pages.page
    page.goto(f"{airflow.url}/plugin/azureml-{name}")
    expect(tab(page).get_by_role("heading", level=1)).to_contain_text(heading)
    expect(tab(page).locator("main").get_by_text(says).first).to_be_visible()
    pages.shot(name)
    page.set_viewport_size({"width": 800, "height": 900})
    page.goto(f"{airflow.url}/azureml/{name}")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.set_viewport_size({"width": 1280, "height": 900})
    assert watched.troubles == []


def requests_of(local_server: LocalServer) -> int:
    return local_server.workspace().service_requests(SERVICE).count


def test_a_score_in_swagger_ui_is_in_the_telemetry(
    airflow: Standalone, local_server: LocalServer, pages: AirflowPages, watched: Watched, run_id: str
) -> None:
    page, before = pages.page, requests_of(local_server)
    page.goto(f"{airflow.url}/azureml/services/swagger?name={SERVICE}")
    page.get_by_role("button", name="Authorize").first.click()
    key = local_server.workspace().service_keys(SERVICE).primary
    page.locator(".auth-container input").fill(f"Bearer {key}")
    page.locator(".auth-container").get_by_role("button", name=re.compile("Apply|Authorize")).click()
    page.locator(".auth-container").get_by_role("button", name="Close").click()
    page.locator(".opblock-post .opblock-summary-control").click()
    page.locator(".opblock-post").get_by_role("button", name="Execute").click()
    live = page.locator(".opblock-post .live-responses-table")
    expect(live.locator("tbody .response-col_status").first).to_contain_text("200")
    expect(page.locator(".opblock-post .curl-command")).to_contain_text("/score")
    pages.shot("swagger-ui")
    eventually(lambda: requests_of(local_server) == before + 1, what="the request in the telemetry")
    assert watched.troubles == []


def test_the_form_scores_with_the_key_that_was_filled_in(
    airflow: Standalone, local_server: LocalServer, pages: AirflowPages, watched: Watched, run_id: str
) -> None:
    page, before = pages.page, requests_of(local_server)
    page.goto(f"{airflow.url}/azureml/services/consume?name={SERVICE}")
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#answer")).to_contain_text("401")
    page.get_by_role("button", name="Fill in the primary key").click()
    expect(page.locator("input[name=key]")).not_to_have_value("")
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#answer")).to_contain_text("200 in")
    expect(page.locator("#answer pre")).to_contain_text(re.compile("yes|no"))
    pages.shot("consume")
    eventually(lambda: requests_of(local_server) == before + 2, what="both requests in the telemetry")
    assert watched.troubles == []


def test_keys_show_on_demand(airflow: Standalone, local_server: LocalServer, pages: AirflowPages, run_id: str) -> None:
    page = pages.page
    key = local_server.workspace().service_keys(SERVICE).primary
    page.goto(f"{airflow.url}/azureml/services?name={SERVICE}")
    assert key not in page.content()
    page.get_by_role("button", name="Show the keys").click()
    expect(page.locator("[data-key=primary]")).to_have_text(key)


def test_the_report_opens_without_a_server(
    pages: AirflowPages, airflow: Standalone, run_id: str, tmp_path: Path
) -> None:
    page = pages.page
    page.goto(airflow.url + details(run_id))
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save as one HTML file").click()
    path = tmp_path / "report.html"
    waiting.value.save_as(path)
    assert page.context.browser is not None
    context = page.context.browser.new_context(offline=True)
    other = context.new_page()
    watched = Watched(other)
    other.goto(path.as_uri())
    expect(other.get_by_text("ROC curve", exact=True).first).to_be_visible()
    assert SCRIPT in (other.locator("body").text_content() or "")
    assert watched.troubles == []
    context.close()


@pytest.mark.parametrize("path", ["models", "services", "data", "pipelines", "services/swagger.json?name=pages-svc"])
def test_nobody_sees_nothing(airflow: Standalone, run_id: str, path: str) -> None:
    answer = requests.get(f"{airflow.url}/azureml/{path}", timeout=30)
    assert answer.status_code == 401
    assert SERVICE not in answer.text


@pytest.mark.parametrize("path", ["keys", "score", "health"])
def test_nobody_does_nothing(airflow: Standalone, run_id: str, path: str) -> None:
    headers = {"X-Azureml-Page": "services"}
    answer = requests.post(
        f"{airflow.url}/azureml/services/{path}?name={SERVICE}", headers=headers, json={}, timeout=30
    )
    assert answer.status_code == 401
