"""Names that Azure would refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import (
    validate_compute_name,
    validate_dataset_name,
    validate_experiment_name,
    validate_model_name,
    validate_service_name,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("validate", "good", "bad"),
    [
        (validate_dataset_name, ["a", "Bank_2.1-x", "9" * 255], ["", "a b", "-a", "../a", "a\n", "ä", "9" * 256]),
        (validate_model_name, ["a", "Bank_2.1-x", "9" * 255], ["", "a b", ".a", "a/b", "9" * 256]),
        (validate_experiment_name, ["abc", "9_a-B", "x" * 36], ["ab", "a.bc", "_abc", "a b c", "x" * 37]),
        (validate_compute_name, ["ab", "cpu-cluster", "x" * 24], ["a", "2ab", "ab-", "a_b", "x" * 25]),
        (validate_service_name, ["abc", "a-9", "x" * 32], ["ab", "Abc", "9ab", "ab-", "a_b", "x" * 33]),
    ],
)
def test_rules(validate: Callable[[str], None], good: list[str], bad: list[str]) -> None:
    for name in good:
        validate(name)
    for name in bad:
        with pytest.raises(InvalidRequest, match="is not valid"):
            validate(name)
