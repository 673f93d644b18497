"""What the pages of a workspace share: how they open it, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_azureml.ui.rendering import html
from airflow_azureml.ui.troubles import workspace_troubles
from airflow_azureml.ui.workspaces import page_source

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.responses import HTMLResponse

    from airflow_azureml.ui.views.reading import Reading
    from airflow_azureml.ui.workspace_access import WorkspaceReader

MENU = (("models", "Models"), ("services", "Web services"), ("data", "Data"), ("pipelines", "Pipelines"))


@contextmanager
def opened(reader: WorkspaceReader) -> Iterator[Reading]:
    """The workspace, for one page. :raises Trouble:"""
    with workspace_troubles(reader.conn_id), page_source(reader.conn_id, logs=reader.reads_logs) as source:
        yield source.reading


def workspace_page(
    request: Request, reader: WorkspaceReader, template: str, *, here: str, **given: Any
) -> HTMLResponse:
    """A page below the entry `here` of the menu."""
    return html(
        request,
        template,
        reader=reader,
        here=here,
        menu=MENU,
        link=links(request, reader),
        now=datetime.now(UTC),
        **given,
    )


def links(request: Request, reader: WorkspaceReader) -> Callable[..., str]:
    """Addresses of pages of the same workspace: `link("models", name="bank")`."""
    pages = str(request.scope.get("root_path", ""))

    def link(page: str, **query: Any) -> str:
        text = urlencode({**query, **reader.query})
        return f"{pages}/{page}" + (f"?{text}" if text else "")

    return link
