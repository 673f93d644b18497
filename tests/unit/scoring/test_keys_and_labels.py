"""Keys and label values."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_local.features.spec import ModelSignature
from azureml_local.scoring.keys import KeyRing
from azureml_local.scoring.labels import label_values
from azureml_workspace.errors import InvalidRequest, Unauthorized
from azureml_workspace.records import ServiceKeys

pytestmark = pytest.mark.unit

RING = KeyRing(ServiceKeys(primary="first", secondary="second"))


@pytest.mark.parametrize("header", [b"Bearer first", b"bearer second", b"BEARER   first  "])
def test_both_keys_let_in(header: bytes) -> None:
    RING.check(header)


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"first", b"Basic first", b"Bearer firs", b"Bearer \xff"]
)
def test_anything_else_does_not(header: bytes | None) -> None:
    with pytest.raises(Unauthorized) as error:
        RING.check(header)
    assert "first" not in str(error.value).split()


def test_an_open_ring_lets_everybody_in() -> None:
    KeyRing.open_to_all().check(None)


def signature(kind: Any, *classes: str) -> ModelSignature:
    return ModelSignature(
        label_column="y", label_kind=kind, classes=classes, inputs=(), sample_rows=(), sample_labels=()
    )


@pytest.mark.parametrize(
    ("kind", "classes", "expected"),
    [
        ("integer", ("-1", "2.0"), (-1, 2)),
        ("integer", ("9007199254740993", "0"), (9007199254740993, 0)),
        ("number", ("0.1", "2"), (0.1, 2.0)),
        ("boolean", ("false", "True"), (False, True)),
        ("string", ("1", "x"), ("1", "x")),
        ("datetime", ("2026-01-01", "2026-01-02"), ("2026-01-01", "2026-01-02")),
    ],
)
def test_label_values(kind: Any, classes: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    found = label_values(signature(kind, *classes))
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("kind", "classes"), [("integer", ("1", "1.5")), ("number", ("x", "1")), ("boolean", ("no", "yes"))]
)
def test_classes_of_another_kind_are_refused(kind: Any, classes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="a class is not of kind"):
        label_values(signature(kind, *classes))


def test_one_class_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="fewer than two classes"):
        label_values(signature("string", "yes"))
