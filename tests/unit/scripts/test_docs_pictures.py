"""The pictures of the docs: none is missing, none is left over, each says in words what is on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs_pictures.__main__ import CAPTION, PICTURES, ROOT
from tests.docs_pictures.camera import MOST_BYTES

pytestmark = pytest.mark.unit

_SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)]+\.png)\)")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown() -> list[tuple[Path, str, Path]]:
    """Each picture that a page shows: page, alternative text, file."""
    return [
        (page, words, (page.parent / target).resolve())
        for page in PAGES
        for words, target in _SHOWN.findall(page.read_text(encoding="utf-8"))
    ]


def test_every_picture_that_a_page_shows_is_there() -> None:
    assert shown()
    assert [str(file) for _, _, file in shown() if not file.is_file()] == []


def test_every_picture_is_shown_by_a_page() -> None:
    assert {file.name for _, _, file in shown()} == {file.name for file in PICTURES.glob("*.png")}


def test_every_picture_is_told_in_words() -> None:
    assert [(page.name, file.name) for page, words, file in shown() if len(words.split()) < 6] == []


def test_pictures_are_small() -> None:
    assert {file.name: size for file in PICTURES.glob("*.png") if (size := file.stat().st_size) > MOST_BYTES} == {}


def test_what_was_trained_on_is_said() -> None:
    assert "Data: " in (PICTURES / CAPTION).read_text(encoding="utf-8")
