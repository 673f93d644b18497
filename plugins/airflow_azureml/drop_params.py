"""Fields of the trigger form for DAGs that work on data drops and let new models through a gate."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

_COLUMNS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def drop_params(pattern: str, source_conn_id: str | None = None) -> dict[str, Param]:
    """Where the drops are, and which one."""
    return {
        "drops": Param(
            pattern,
            type="string",
            minLength=1,
            title="Drops",
            description="Pattern of their paths: {date}, {date:%Y%m%d} or {key} stands for what tells them apart; a "
            "slash at the end means a folder of CSV files. A path on the worker, or a URI (file, wasbs, abfs).",
            section="Drop",
        ),
        "drop_key": drop_key_param(title="Drop", section="Drop"),
        "source_conn_id": Param(
            source_conn_id,
            type=["string", "null"],
            title="Connection of the storage",
            description="For drops at a URI. Default: the storage's own.",
            section="Drop",
        ),
    }


def drop_key_param(*, title: str, section: str) -> Param:
    """Which of the deliveries under a pattern."""
    return Param(
        None,
        type=["string", "null"],
        title=title,
        description="Its date (2026-11-27) or key, or latest. Default: the day of the run's data interval.",
        section=section,
    )


def validation_params() -> dict[str, Param]:
    """What a drop must be like, and what happens to one that is not."""
    return {
        "on_bad_drop": Param(
            "fail",
            type="string",
            enum=["fail", "skip"],
            title="A bad drop",
            description="It is quarantined either way: never registered, never trained on.",
            section="Drop",
        ),
        "accept_refused": Param(
            False,
            type="boolean",
            title="Take it all the same",
            description="Register the drop although validation refuses it: this is how a quarantined one is released.",
            section="Drop",
        ),
        "validation": Param(
            {},
            type="object",
            title="Validation",
            description='Thresholds that differ from the defaults, such as {"max_psi": 0.5, "min_rows": 1000}; null '
            "switches one off.",
            section="Drop",
        ),
    }


def training_window_params() -> dict[str, Param]:
    """Which drops are trained on, and which of their rows are kept back to compare models with."""
    return {
        "window": Param(
            "all",
            type="string",
            pattern="^(all|[1-9][0-9]{0,3})$",
            title="Training window",
            description="1: this drop. N: the last N drops up to it. all: all up to it.",
            section="Training",
        ),
        "holdout_share": Param(
            0.2,
            type="number",
            minimum=0.01,
            maximum=0.5,
            title="Holdout",
            description="Share of the rows that no model is ever trained on. Change it, and models are compared on "
            "rows that the champion may have seen.",
            section="Training",
        ),
        "group_columns": Param(
            [],
            **_COLUMNS,
            title="Rows that belong together",
            description="Columns, such as a client's number: rows with the same values are all held out or none. "
            "Default: rows with the same values in every column.",
            section="Training",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Train again",
            description="Although a model was made of this very data with these settings.",
            section="Training",
        ),
    }


def gate_params() -> dict[str, Param]:
    """What a new model must be like to replace the one that serves."""
    return {
        "rule": Param(
            "not_worse",
            type="string",
            enum=["not_worse", "better", "point"],
            title="Rule",
            description="not_worse: certainly not worse than the tolerance. better: certainly better. "
            "point: by the measured figures alone, for small holdouts.",
            section="Gate",
        ),
        "tolerance": Param(
            0.01,
            type="number",
            minimum=0,
            maximum=1,
            title="Tolerance",
            description="By how much the primary metric may be below the champion's.",
            section="Gate",
        ),
        "min_metric": Param(
            None,
            type=["number", "null"],
            title="Least primary metric",
            description="Of any new model; a first one is held to nothing else. Default: any.",
            section="Gate",
        ),
        "min_holdout_rows": Param(50, type="integer", minimum=1, title="Least rows of the holdout", section="Gate"),
        "cohort_columns": Param(
            [],
            **_COLUMNS,
            title="Cohorts",
            description="Columns whose groups are looked at one by one. Default: chosen by their values.",
            section="Gate",
        ),
        "cohort_tolerance": Param(
            0.05,
            type=["number", "null"],
            minimum=0,
            maximum=1,
            title="Tolerance in a cohort",
            description="By how much the metric of a single group may be below the champion's. Empty: any.",
            section="Gate",
        ),
        "max_p95_ms": Param(
            None,
            type=["number", "null"],
            exclusiveMinimum=0,
            title="Greatest p95 in ms",
            description="Default: any.",
            section="Gate",
        ),
        "max_p95_ratio": Param(
            2.0,
            type=["number", "null"],
            exclusiveMinimum=0,
            title="Greatest p95 next to the champion's",
            description="As a multiple. Empty: any.",
            section="Gate",
        ),
        "gate_requests": Param(200, type="integer", minimum=10, title="Requests to each service", section="Gate"),
        "allow_older": Param(
            False,
            type="boolean",
            title="Older data too",
            description="Let a model of older data than the champion's come to the gate.",
            section="Gate",
        ),
        "require_approval": Param(
            False,
            type="boolean",
            title="Ask a person",
            description="A promotion waits until somebody approves the decision (Required Actions).",
            section="Gate",
        ),
    }
