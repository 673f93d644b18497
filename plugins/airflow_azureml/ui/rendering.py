"""Templates to HTML. Whatever a template is given is text and is escaped, also what came from a user's data."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_azureml.links import PAGES
from airflow_azureml.ui import words

if TYPE_CHECKING:
    from fastapi import Request

FOLDER = Path(__file__).parent


def html(request: Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **given: Any) -> HTMLResponse:
    """The page. Templates also know `pages` and `airflow`, the paths below which the pages and Airflow's UI are."""
    pages = str(request.scope.get("root_path", ""))
    text = _environment().get_template(template).render(pages=pages, airflow=pages.removesuffix(PAGES), **given)
    return HTMLResponse(text, status_code=status.value)


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
        duration=words.duration,
        moment=words.moment,
        iso=words.iso,
        label=words.label,
        sign=words.sign,
        tone=words.tone,
    )
    return environment
