"""What the documentation promises is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= make_targets()


def test_messages_name_make_targets_that_exist() -> None:
    named: dict[str, Path] = {}
    for folder in ("plugins", "include", "dags", "scripts"):
        for file in (ROOT / folder).rglob("*.py"):
            named |= dict.fromkeys(re.findall(r"`make ([a-z-]+)", file.read_text()), file)
    assert {"run"} <= set(named)
    assert {target: file for target, file in named.items() if target not in make_targets()} == {}


def test_every_page_is_linked_from_another() -> None:
    for page in PAGES[1:]:
        others = [other for other in PAGES if other != page]
        assert any(f"{page.name}" in other.read_text() for other in others), f"nothing links to {page.name}"


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "guide.md"], ids=lambda page: page.name)
def test_example_dags_are_dags(page: Path, tmp_path: Path) -> None:
    snippets = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    dags = [snippet for snippet in snippets if "with DAG(" in snippet]
    assert len(dags) == 1
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", dags[0]],
        env=environment | {"AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
