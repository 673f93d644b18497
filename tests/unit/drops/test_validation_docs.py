"""The page on validation names every threshold with its default, and every check."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from azureml_drops.validation_settings import ValidationSettings

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[3] / "docs" / "drops-validation.md").read_text()


def shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


@pytest.mark.parametrize("field", fields(ValidationSettings), ids=lambda field: field.name)
def test_every_threshold_is_there_with_its_default(field: object) -> None:
    name, default = field.name, getattr(ValidationSettings(), field.name)  # type: ignore[attr-defined]
    lines = [line for line in PAGE.splitlines() if f"`{name}`" in line]
    assert lines
    assert default in {None, ()} or any(shown(default) in line for line in "\n".join(lines).splitlines())
