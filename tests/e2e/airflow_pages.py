"""Airflow's own pages, as a person uses them in a browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from tests.browser import PATIENCE_MS

Form = dict[str, dict[str, str]]
"""What is filled in: section of the form -> parameter -> value."""


class AirflowPages:
    """One browser page, and a folder for pictures of it."""

    def __init__(self, page: Page, url: str, shots: Path) -> None:
        self.page = page
        self._url = url
        self._shots = shots
        self._taken = 0

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page, numbered in the order of the test."""
        self._taken += 1
        self.page.screenshot(path=self._shots / f"{self._taken:02d}-{name}.png", full_page=True)

    def log_in(self, user: str, password: str) -> None:
        self.page.goto(self._url)
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.shot("login")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self._url}/")

    def dag_list(self) -> None:
        self.page.goto(f"{self._url}/dags")
        expect(self.page.get_by_role("link", name="bank_marketing_train")).to_be_visible(timeout=PATIENCE_MS)

    def switch(self, dag_id: str, *, on: bool) -> None:
        """Unpause or pause the DAG by the switch on its own page."""
        self.page.goto(f"{self._url}/dags/{dag_id}")
        switch = self.page.get_by_test_id("toggle-pause").first
        switch.wait_for()
        switch.click()
        box = switch.locator("input[type=checkbox]")
        expect(box).to_be_checked(checked=on, timeout=PATIENCE_MS)

    def trigger(self, dag_id: str, form: Form) -> str:
        """Fill in the form and send it; gives the id of the run, on whose page the browser then is."""
        page = self.page
        page.goto(f"{self._url}/dags/{dag_id}")
        page.get_by_test_id("trigger-dag-button").click()
        dialog = page.get_by_role("dialog")
        for section, values in form.items():
            dialog.get_by_role("button", name=section, exact=True).click()
            for name, value in values.items():
                field = dialog.locator(f"input[name=element_{name}]")
                field.fill(value)
                field.press("Tab")
        self.shot(f"{dag_id}-form")
        dialog.get_by_role("button", name="Trigger", exact=True).click()
        page.wait_for_url(re.compile(rf"/dags/{dag_id}/runs/[^/]+$"))
        return page.url.rpartition("/")[2]

    def run(self, dag_id: str, run_id: str) -> Locator:
        """Open the run's page; gives the rows of its tasks."""
        self.page.goto(f"{self._url}/dags/{dag_id}/runs/{run_id}")
        rows = self.page.get_by_test_id("table-list").locator("tbody tr")
        rows.first.wait_for()
        return rows

    def expect_green(self, dag_id: str, run_id: str, tasks: list[str]) -> None:
        """All tasks and the run itself are shown as succeeded."""
        rows = self.run(dag_id, run_id)
        expect(rows).to_have_count(len(tasks), timeout=PATIENCE_MS)
        for task in tasks:
            row = rows.filter(has=self.page.get_by_text(task, exact=True))
            expect(row.get_by_test_id("state-badge")).to_have_text("Success", timeout=PATIENCE_MS)
        badge = self.page.get_by_test_id("header-card").get_by_test_id("state-badge").first
        expect(badge).to_have_text("Success", timeout=PATIENCE_MS)
        self.shot(f"{dag_id}-green")

    def task_link(self, dag_id: str, run_id: str, task_id: str, link: str) -> Locator:
        """The button of an extra link, on the task's page."""
        self.page.goto(f"{self._url}/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/details")
        button = self.page.get_by_role("link", name=link, exact=True)
        expect(button).to_be_visible(timeout=PATIENCE_MS)
        return button

    def task_state(self) -> str:
        """Of the task whose page is open."""
        return self.page.get_by_test_id("header-card").get_by_test_id("state-badge").first.inner_text().strip()
