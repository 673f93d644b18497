"""The script that keeps a page up to date, in a real browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported
import uvicorn
from fastapi import FastAPI, HTTPException
from playwright.sync_api import Page, expect, sync_playwright
from tests.local_server import eventually
from tests.unit.airflow_azureml.ui_workspace import PLACE, a_run, a_trial, completed_automl, completed_pipeline

from airflow_azureml.ui.access import task_place
from airflow_azureml.ui.app import create_app
from airflow_azureml.ui.places import TaskPlace
from airflow_azureml.ui.task_fields import TaskFields
from airflow_azureml.ui.views.reading import Reading
from airflow_azureml.ui.workspaces import PageSource
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from tests.unit.airflow_azureml.ui_workspace import PageWorkspace

    from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.integration

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 20_000
WIDTHS = (1280, 800)


class Site:
    """The pages at `url`, for a workspace that the test changes; `signed_in` is whether there is a user."""

    def __init__(self) -> None:
        self.workspace: PageWorkspace = completed_automl()
        self.signed_in = True
        pages = create_app()
        pages.dependency_overrides[task_place] = self._place
        app = FastAPI()
        app.mount("/azureml", pages)
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        eventually(lambda: self.server.started, what="the site")
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}/azureml"

    def _place(self) -> TaskPlace:
        if not self.signed_in:
            raise HTTPException(401, "Not authenticated")
        return PLACE

    def run(self, status: RunStatus) -> None:
        """The run gets that status."""
        self.workspace.runs["AutoML_1"] = a_run(status=status)

    def log(self, lines: int) -> None:
        """The job's log grows to that many lines."""
        text = "\n".join(f"line {number}" for number in range(lines))
        self.workspace.files["AutoML_1", "logs/job.log"] = text.encode()

    def stop(self) -> None:
        """End the server."""
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()

    @contextmanager
    def source(_conn_id: str, *, logs: bool) -> Iterator[PageSource]:
        reading = Reading(cast("Workspace", site.workspace), source=site.url, logs=logs)
        yield PageSource(reading=reading, has_portal=False)

    fields = TaskFields(task=PLACE, values={"azureml_conn_id": "azureml_default"})
    monkeypatch.setattr("airflow_azureml.ui.submitted._xcom", lambda _task, _key: {"run_id": "AutoML_1"})
    monkeypatch.setattr(TaskFields, "of", lambda _task: fields)
    monkeypatch.setattr("airflow_azureml.ui.pages.run.page_source", source)
    site.run(RunStatus.RUNNING)
    yield site
    site.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("needs the system package chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 700})
        page.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Security Policy" in line.text else None)
        yield page
        browser.close()
    assert complaints == []


def test_page_follows_the_run_to_its_end(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/run")
    page.evaluate("window.kept = document.querySelector('[data-part=job-log]')")
    expect(page).to_have_title("Running · AutoML_1 · Azure ML")
    site.workspace.children.append(a_trial(3, 0.999, algorithm="XGBoostClassifier"))
    first = page.locator("[aria-label='Child runs'] tbody tr").first
    expect(first).to_contain_text("XGBoostClassifier", timeout=PATIENCE_MS)
    assert page.evaluate("window.kept.isConnected"), "what did not change is left alone"

    site.run(RunStatus.COMPLETED)
    expect(page.locator("[data-part=result]")).to_contain_text("VotingEnsemble", timeout=PATIENCE_MS)
    expect(page.locator("[data-part=progress]")).to_have_count(0)
    assert page.title() == "Completed · AutoML_1 · Azure ML"
    order = page.evaluate("[...live.children].map((part) => part.dataset.part)")
    page.reload()
    assert order == page.evaluate("[...live.children].map((part) => part.dataset.part)")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert asked == [], "an ended run is not asked for any more"


def test_place_and_focus_are_kept(site: Site, page: Page) -> None:
    site.log(150)
    page.goto(f"{site.url}/run")
    log = page.locator("[data-part=job-log] pre")
    log.focus()
    log.evaluate("(element) => { element.scrollTop = 100; }")
    site.log(160)
    expect(log).to_contain_text("line 159", timeout=PATIENCE_MS)
    assert log.evaluate("(element) => [element.scrollTop, document.activeElement === element]") == [100, True]
    log.evaluate("(element) => { element.scrollTop = element.scrollHeight; }")
    site.log(180)
    expect(log).to_contain_text("line 179", timeout=PATIENCE_MS)
    assert log.evaluate("(element) => element.scrollHeight - element.clientHeight - element.scrollTop") < 4


def test_outage_is_said_and_waited_out(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/run")
    site.workspace.trouble = ServiceUnavailable("no answer")
    notice = page.locator("#trouble")
    expect(notice).to_contain_text("The workspace cannot be reached", timeout=PATIENCE_MS)
    expect(page.locator("[data-part=trials]")).to_contain_text("LightGBM")
    site.workspace.trouble = None
    expect(notice).to_be_hidden(timeout=PATIENCE_MS)


def test_signed_out_is_said(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/run")
    site.signed_in = False
    expect(page.locator("#trouble")).to_contain_text("no longer signed in", timeout=PATIENCE_MS)


def test_run_that_vanishes_is_said(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/run")
    site.workspace.runs.clear()
    expect(page.locator("#trouble")).to_contain_text("has no such run of this task", timeout=PATIENCE_MS)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["automl", "pipeline"])
def test_nothing_is_wider_than_the_window(site: Site, page: Page, width: int, kind: str) -> None:
    """Long names, and text that a page must not be pushed apart by."""
    long = "x" * 3000
    if kind == "pipeline":
        site.workspace = completed_pipeline()
        site.workspace.runs["AutoML_1"] = replace(site.workspace.runs["p-1"], properties={long: long})
    else:
        site.workspace.children = [a_trial(0, 0.5, algorithm=long)]
        site.workspace.runs["AutoML_1"] = replace(a_run(), experiment_name=long, error=long, properties={long: long})
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{site.url}/run")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
