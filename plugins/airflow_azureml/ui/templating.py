"""Templates to text. Whatever a template is given is text and is escaped, also what came from a user's data."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_azureml.ui import words

FOLDER = Path(__file__).parent
MOST_SHOWN = 300
"""Characters of a name or value in a table; longer ones can be opened."""


def render(template: str, *, pages: str, airflow: str, standalone: bool = False, **given: Any) -> str:
    """The text of a page. `pages` and `airflow` are the paths below which the pages and Airflow's UI are.

    A `standalone` page is a file by itself: it links nowhere and carries its own style sheet.
    """
    page = _environment().get_template(template)
    return page.render(pages=pages, airflow=airflow, standalone=standalone, **given)


def style() -> str:
    """The style sheet."""
    return (FOLDER / "static" / "azureml.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        score=words.score,
        figure=words.figure,
        percent=words.percent,
        duration=words.duration,
        moment=words.moment,
        iso=words.iso,
        label=words.label,
        sign=words.sign,
        tone=words.tone,
        state_sign=words.state_sign,
        state_tone=words.state_tone,
        state_name=words.state_name,
    )
    environment.globals["style"] = style
    environment.globals["most_shown"] = MOST_SHOWN
    return environment
