"""Which pictures there are, and what is on them."""

from __future__ import annotations

import re
from urllib.parse import quote

from playwright.sync_api import FrameLocator, expect
from tests.docs_pictures.camera import HEIGHT, WIDTH, Camera
from tests.docs_pictures.scene import (
    DROPS_DAG,
    DROPS_DATASET,
    LABEL,
    LIVE_SERVICE,
    SERVICE,
    TRAIN_DAG,
    Scene,
)

_PATIENT_MS = 240_000
_STILL_MS = 1500
_TALL = 1100
_SOME_TRIALS_MS = 20_000


def log_in(scene: Scene, camera: Camera) -> None:
    """As the administrator."""
    page = camera.page
    page.goto(scene.airflow.url)
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", "admin")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{scene.airflow.url}/")


def trigger_form(scene: Scene, camera: Camera) -> str:
    """The form, filled in and sent. The id of the run."""
    page = camera.page
    page.goto(f"{scene.airflow.url}/dags/{TRAIN_DAG}")
    page.get_by_test_id("trigger-dag-button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Data", exact=True).click()
    for name, value in {"data_path": str(scene.data), "label": LABEL}.items():
        field = dialog.locator(f"input[name=element_{name}]")
        field.fill(value)
        field.press("Tab")
    page.set_viewport_size({"width": WIDTH, "height": _TALL})
    dialog.get_by_role("button", name="Data", exact=True).scroll_into_view_if_needed()
    page.wait_for_timeout(_STILL_MS)
    camera.window("trigger-form", height=_TALL)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    dialog.get_by_role("button", name="Trigger", exact=True).click()
    page.wait_for_url(re.compile(rf"/dags/{TRAIN_DAG}/runs/[^/]+$"))
    return page.url.rpartition("/")[2]


def at_work(scene: Scene, camera: Camera, run_id: str) -> None:
    """The tab of the DAG run while AutoML has its first trials."""
    camera.page.goto(_tab_of(scene, TRAIN_DAG, run_id))
    inside = _inside(camera)
    expect(inside.get_by_text("Trials done")).to_be_visible(timeout=_PATIENT_MS)
    camera.page.wait_for_timeout(_SOME_TRIALS_MS)
    camera.window("run-at-work")


def run_details(scene: Scene, camera: Camera, run_id: str) -> None:
    """The same tab afterwards, and what is further below."""
    camera.page.set_viewport_size({"width": WIDTH, "height": _TALL})
    camera.page.goto(_tab_of(scene, TRAIN_DAG, run_id))
    expect(_inside(camera).get_by_text("Best model").first).to_be_visible(timeout=_PATIENT_MS)
    camera.page.wait_for_timeout(_STILL_MS)
    camera.window("run-details", height=_TALL)
    _open(scene, camera, f"dag-run?dag_id={TRAIN_DAG}&dag_run_id={quote(run_id, safe='')}")
    camera.parts("run-quality", "quality")
    camera.parts("run-explained", "importance", "cohorts", most=1300)


def decision(scene: Scene, camera: Camera, run_id: str) -> None:
    """What the gate said about a drop."""
    _open(scene, camera, f"dag-run?dag_id={DROPS_DAG}&dag_run_id={quote(run_id, safe='')}")
    camera.parts("decision", "gate")


def of_the_workspace(scene: Scene, camera: Camera) -> None:
    """The pages of the navigation, and those of a web service."""
    page = camera.page
    _open(scene, camera, f"models?name={DROPS_DATASET}")
    camera.parts("models", "head", "history", most=1080)
    _open(scene, camera, f"services?name={LIVE_SERVICE}")
    camera.parts("services", "head", "requests", most=1150)
    _open(scene, camera, f"data?name={DROPS_DATASET}")
    camera.parts("data", "head", "version")
    camera.parts("drops", "drops")
    _open(scene, camera, "pipelines")
    camera.parts("pipelines", "head", "runs")
    _open(scene, camera, f"services/consume?name={SERVICE}")
    page.get_by_role("button", name="Fill in the primary key").click()
    expect(page.locator("input[name=key]")).not_to_have_value("")
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#answer")).to_contain_text("200 in")
    camera.parts("consume", "head", "lines", most=1045)
    _open(scene, camera, f"services/swagger?name={SERVICE}")
    expect(page.locator(".opblock-post")).to_be_visible()
    page.set_viewport_size({"width": WIDTH, "height": _TALL})
    page.locator(".opblock-post .opblock-summary-control").click()
    page.wait_for_timeout(_STILL_MS)
    camera.window("swagger", height=_TALL)


def _tab_of(scene: Scene, dag_id: str, run_id: str) -> str:
    return f"{scene.airflow.url}/dags/{dag_id}/runs/{run_id}/plugin/azureml-run-details"


def _inside(camera: Camera) -> FrameLocator:
    return camera.page.frame_locator("iframe")


def _open(scene: Scene, camera: Camera, page: str) -> None:
    camera.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    camera.page.goto(f"{scene.airflow.url}/azureml/{page}")
    camera.page.wait_for_load_state("networkidle")
