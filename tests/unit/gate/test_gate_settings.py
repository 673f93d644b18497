"""Settings that cannot work say so before anything is measured."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_gate.settings import GateSettings
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"primary_metric": "log_loss"}, "primary_metric is 'log_loss'; choose one of AUC_weighted, accuracy"),
        ({"rule": "best"}, "rule is 'best'; choose one of not_worse, better, point"),
        ({"confidence": 1}, "confidence is 1; give 0.5 or more and less than 1"),
        ({"tolerance": -0.1}, "tolerance is -0.1; give 0 to 1"),
        ({"cohort_tolerance": 2}, "cohort_tolerance is 2; give 0 to 1"),
        ({"max_error_rate": 1.5}, "max_error_rate is 1.5; give 0 to 1"),
        ({"max_p95_ms": -1}, "max_p95_ms is -1; give 0 or more"),
        ({"max_p95_ratio": -2}, "max_p95_ratio is -2; give 0 or more"),
        ({"min_metric": 1.2}, "min_metric is 1.2; give -1 to 1"),
        ({"bootstrap_samples": 10}, "bootstrap_samples is 10; give 100 or more"),
        ({"cohort_min_rows": 2}, "cohort_min_rows is 2; give 10 or more"),
        ({"requests": 1}, "requests is 1; give 10 or more"),
        ({"concurrency": 0}, "concurrency is 0; give 1 or more"),
    ],
)
def test_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        GateSettings(**given).validate()
    assert words in str(caught.value)


def test_the_defaults_and_what_asks_for_nothing_are_fine() -> None:
    GateSettings().validate()
    GateSettings(min_metric=None, cohort_tolerance=None, max_p95_ms=None, max_p95_ratio=None).validate()
