"""Newer, older or the same data."""

from __future__ import annotations

import pytest

from azureml_gate.age import Age, Provenance, age_of

pytestmark = pytest.mark.unit


def data(key: str = "", fingerprint: str = "", dataset: str = "shop") -> Provenance:
    return Provenance(drop_dataset=dataset, drop_key=key, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("challenger", "champion", "expected"),
    [
        (data("2026-01-02", "b"), data("2026-01-01", "a"), Age.NEWER),
        (data("2025-12-31", "b"), data("2026-01-01", "a"), Age.OLDER),
        (data("2026-01-01", "a"), data("2026-01-01", "a"), Age.SAME),
        (data("2026-01-01", "corrected"), data("2026-01-01", "a"), Age.NEWER),
        (data("2025-12-31", "b", dataset="other"), data("2026-01-01", "a"), Age.NEWER),
        (data("2025-12-31", "a"), data("2026-01-01", "a"), Age.OLDER),
        (data(fingerprint="a"), data(fingerprint="a"), Age.SAME),
        (data(fingerprint="b"), data(fingerprint="a"), Age.NEWER),
        (data(), data(), Age.NEWER),
        (data("2025-12-31"), data(), Age.NEWER),
    ],
)
def test_age(challenger: Provenance, champion: Provenance, expected: Age) -> None:
    assert age_of(challenger, champion) is expected
