"""What can be refused before a run starts, from its settings and the dataset's profile. Imports no ML library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from azureml_local.automl.catalog import ALLOWED_MODELS, VOTING_ENSEMBLE, select_models
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLConfig, AutoMLSettings, ColumnSchema, require_classes

MIN_ROWS = 50
"""Labelled rows below which no score of a cross-validation means anything."""

MIN_CLASS_ROWS = 3
"""Rows a class needs: one to validate on and two to learn from, in each of three folds."""

MAX_NUMERIC_CLASSES = 100
"""A numeric label with more distinct values than this is a quantity, not a class."""

MAX_CLASSES = 1000


def check_submission(
    settings: AutoMLSettings,
    columns: Sequence[ColumnSchema],
    label_counts: Mapping[str, int] | None,
    rows: int,
) -> None:
    """Refuse a run that cannot work. The engine checks the same again, on the data itself.

    `label_counts` are the rows of each non-null label value, None when there are more than 1,000 values; `rows` are
    all rows of the dataset, unlabelled ones included.

    :raises InvalidRequest: names the value, what was expected and what to do.
    """
    settings.validate()
    check_names(settings)
    settings.require_columns([column.name for column in columns])
    label = next(column for column in columns if column.name == settings.label_column_name)
    _check_label(label, label_counts, rows)
    require_classes(settings.class_weights, label.name, label_counts or {})


def check_names(settings: AutoMLConfig) -> None:
    """:raises InvalidRequest: a model is none that the engine has, or a custom pipeline is called like one of them."""
    select_models(settings.allowed_models, settings.blocked_models)
    taken = {name.lower() for name in (*ALLOWED_MODELS, VOTING_ENSEMBLE)}
    for pipeline in settings.custom_pipelines:
        if pipeline.name.lower() in taken:
            raise InvalidRequest(
                f"a custom pipeline is named {pipeline.name!r}, as a model of AutoML's is; give it another name."
            )


def _check_label(label: ColumnSchema, label_counts: Mapping[str, int] | None, rows: int) -> None:
    name = label.name
    numeric = label.kind in ("integer", "number")
    if label_counts is None or (numeric and len(label_counts) > MAX_NUMERIC_CLASSES) or len(label_counts) > MAX_CLASSES:
        values = f"more than {MAX_CLASSES:,}" if label_counts is None else f"{len(label_counts):,}"
        limit = MAX_NUMERIC_CLASSES if numeric else MAX_CLASSES
        raise InvalidRequest(
            f"label column {name!r} has {values} distinct {'numeric ' if numeric else ''}values, so it looks like "
            f"{'a regression target' if numeric else 'free text or an identifier'}; classification takes at most "
            f"{limit:,} classes. Choose another label column{' or put its values into bands' if numeric else ''}."
        )
    labelled = sum(label_counts.values())
    if labelled == 0:
        raise InvalidRequest(f"label column {name!r} is null in all {rows:,} rows; there is nothing to learn from.")
    if labelled < MIN_ROWS:
        raise InvalidRequest(
            f"the dataset has {labelled} rows with a label in {name!r}; AutoML needs at least {MIN_ROWS}. Add rows."
        )
    if len(label_counts) == 1:
        raise InvalidRequest(
            f"label column {name!r} has one class only, {next(iter(label_counts))!r}, in all {labelled:,} rows "
            "with a label; classification needs at least two."
        )
    smallest = min(label_counts, key=lambda value: label_counts[value])
    if label_counts[smallest] < MIN_CLASS_ROWS:
        raise InvalidRequest(
            f"class {smallest!r} of label column {name!r} has {_rows(label_counts[smallest])}; each class needs "
            f"at least {MIN_CLASS_ROWS} to be validated. Add rows of that class, merge it with another, or remove it."
        )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
