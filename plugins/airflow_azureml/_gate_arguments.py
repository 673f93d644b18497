"""The gate's arguments as an operator was given them, made into its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from airflow_azureml import _arguments as arguments

if TYPE_CHECKING:
    from azureml_gate.settings import GateSettings, PromotionRule


class GateArguments(Protocol):
    """What an operator with the gate's parameters holds, as rendered. The names are those of `GateSettings`."""

    primary_metric: Any
    min_metric: Any
    rule: Any
    tolerance: Any
    confidence: Any
    bootstrap_samples: Any
    min_holdout_rows: Any
    max_holdout_rows: Any
    cohort_columns: Any
    cohort_tolerance: Any
    cohort_min_rows: Any
    max_p95_ms: Any
    max_p95_ratio: Any
    p95_slack_ms: Any
    max_error_rate: Any
    requests: Any
    concurrency: Any
    allow_older: Any
    allow_contract_change: Any
    seed: Any


GATE_FIELDS = tuple(GateArguments.__annotations__)
"""Their names: templates may stand in every one."""

_NUMBERS = ("tolerance", "confidence", "p95_slack_ms", "max_error_rate")
_OPTIONAL_NUMBERS = ("min_metric", "cohort_tolerance", "max_p95_ms", "max_p95_ratio")
_INTEGERS = (
    "bootstrap_samples",
    "min_holdout_rows",
    "max_holdout_rows",
    "cohort_min_rows",
    "requests",
    "concurrency",
    "seed",
)
_FLAGS = ("allow_older", "allow_contract_change")


def gate_settings(given: GateArguments) -> GateSettings:
    """The settings. :raises InvalidRequest: an argument cannot be understood, or its value cannot work."""
    from azureml_gate.settings import GateSettings

    values: dict[str, Any] = {name: arguments.number(name, getattr(given, name)) for name in _NUMBERS}
    values |= {name: arguments.optional(arguments.number, name, getattr(given, name)) for name in _OPTIONAL_NUMBERS}
    values |= {name: arguments.integer(name, getattr(given, name)) for name in _INTEGERS}
    values |= {name: arguments.flag(name, getattr(given, name)) for name in _FLAGS}
    settings = GateSettings(
        primary_metric=arguments.text("primary_metric", given.primary_metric),
        rule=cast("PromotionRule", arguments.text("rule", given.rule)),
        cohort_columns=arguments.names("cohort_columns", given.cohort_columns),
        **values,
    )
    settings.validate()
    return settings
