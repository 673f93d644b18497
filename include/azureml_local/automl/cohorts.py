"""How good the model is for parts of the data: each level of a category, each band of a number, and where it errs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest
from sklearn.tree import DecisionTreeClassifier

from azureml_local.automl.prepare import PreparedData
from azureml_local.automl.validation import stratified_parts
from azureml_local.features.frame import to_levels, to_moments, to_numbers

MIN_ROWS = 30
MAX_COLUMNS = 40
MAX_COHORTS = 500
BAND_QUANTILES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
TREE_DEPTH = 3


def cohort_metrics(
    data: PreparedData, rows: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], columns: Sequence[str]
) -> dict[str, Any]:
    """The content of `cohorts.json`: cohorts with at least 30 rows, the most certainly weak one first.

    `accuracy_low` and `accuracy_high` are the ends of its 95 % interval. Cohorts are in the order of the upper end: of
    many small cohorts some have a low accuracy by chance, a low upper end hardly any. With many cohorts still about
    one in forty lies below its interval by chance alone.

    `rows` of the data are those that `probabilities` belong to; `columns` are looked at in their order, at most 40.
    With two classes `recall` is that of the second, otherwise the mean over the classes in the cohort.
    """
    codes = data.codes[rows]
    predicted = np.argmax(probabilities, axis=1)
    frame = data.frame.iloc[rows].reset_index(drop=True)
    kinds = {column.name: column.kind for column in data.inputs}
    cohorts: list[dict[str, Any]] = []
    for column in columns[:MAX_COLUMNS]:
        cohorts.extend(_of_column(column, _groups(frame[column], kinds[column]), codes, predicted, len(data.classes)))
    cohorts.sort(key=lambda cohort: cohort["accuracy_high"])
    return {
        "rows": len(codes),
        "accuracy": float((codes == predicted).mean()),
        "recall": _recall(codes, predicted, len(data.classes)),
        "min_rows": MIN_ROWS,
        "cohorts": cohorts[:MAX_COHORTS],
        "error_tree": _error_tree(data, rows, codes != predicted),
    }


def _of_column(
    column: str, groups: pd.Series[Any], codes: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int
) -> Iterable[dict[str, Any]]:
    places, names = pd.factorize(groups)
    sizes = np.bincount(places, minlength=len(names))
    for place in np.flatnonzero(sizes >= MIN_ROWS):
        inside = places == place
        right, rows = int((codes[inside] == predicted[inside]).sum()), int(sizes[place])
        low, high = wilson_interval(right, rows)
        yield {
            "column": column,
            "cohort": str(names[place]),
            "rows": rows,
            "accuracy": right / rows,
            "accuracy_low": low,
            "accuracy_high": high,
            "recall": _recall(codes[inside], predicted[inside], classes),
        }


def wilson_interval(hits: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share of at least one row (Wilson, Probable Inference, JASA 1927)."""
    found = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _recall(truth: npt.NDArray[np.int64], guess: npt.NDArray[np.int64], classes: int) -> float | None:
    if classes == 2:
        positive = truth == 1
        return float((guess[positive] == 1).mean()) if positive.any() else None
    return float(np.mean([(guess[truth == code] == code).mean() for code in np.unique(truth)]))


def _groups(values: pd.Series[Any], kind: str) -> pd.Series[Any]:
    """The cohort of each row, as text."""
    if kind in ("string", "boolean"):
        return to_levels(values).replace("", "(missing)").astype(str)
    if kind == "datetime":
        years: pd.Series[Any] = to_moments(values).dt.year
        return years.map(lambda year: "(missing)" if pd.isna(year) else f"year {year:.0f}")
    numbers = pd.Series(to_numbers(values))
    edges = np.unique(numbers[np.isfinite(numbers)].quantile(BAND_QUANTILES).to_numpy())
    if len(edges) < 3:
        return numbers.map(lambda value: "(missing)" if not np.isfinite(value) else f"= {value:.6g}")
    names = [f"{'[' if low == edges[0] else '('}{low:.6g}, {high:.6g}]" for low, high in zip(edges, edges[1:])]  # noqa: B905, RUF007
    bands = pd.cut(numbers, bins=edges.tolist(), labels=names, include_lowest=True, ordered=False)
    return bands.astype(object).where(numbers.notna() & bands.notna(), "(missing)").astype(str)


def _error_tree(data: PreparedData, rows: npt.NDArray[np.int64], wrong: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Leaves of a small tree that predicts where the model errs, the most certainly erroneous first.

    It grows on one half of the rows; `rows`, `error` and the ends of its 95 % interval are of the other half, since on
    the rows that grew it any tree finds something.
    """
    half = stratified_parts(wrong.astype(np.int64), 2, seed=0)
    grown, measured = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
    if wrong[grown].all() or not wrong[grown].any():
        return []
    matrix = data.matrix[rows]
    fitted = DecisionTreeClassifier(
        max_depth=TREE_DEPTH, min_samples_leaf=max(MIN_ROWS, len(grown) // 300), random_state=0
    ).fit(matrix[grown], wrong[grown])
    tree = fitted.tree_
    leaf_of_row = fitted.apply(matrix[measured])
    leaves: list[dict[str, Any]] = []

    def walk(node: int, conditions: tuple[str, ...]) -> None:
        if tree.children_left[node] == -1:
            inside = measured[leaf_of_row == node]
            if len(inside):
                errors = int(wrong[inside].sum())
                low, high = wilson_interval(errors, len(inside))
                leaves.append(
                    {
                        "conditions": list(conditions),
                        "rows": len(inside),
                        "error": errors / len(inside),
                        "error_low": low,
                        "error_high": high,
                    }
                )
            return
        feature, threshold = data.spec.features[tree.feature[node]], float(tree.threshold[node])
        for child, below in ((tree.children_left[node], True), (tree.children_right[node], False)):
            walk(child, (*conditions, _condition(feature, threshold, below)))

    walk(0, ())
    return sorted(leaves, key=lambda leaf: -leaf["error_low"])


def _condition(feature: Any, threshold: float, below: bool) -> str:
    if feature.transform != "category":
        return f"{feature.name} {'<=' if below else '>'} {threshold:.6g}"
    levels = [level or "(missing)" for place, level in enumerate(feature.categories) if (place <= threshold) == below]
    shown = ", ".join(levels[:6]) + (f" and {len(levels) - 6} more" if len(levels) > 6 else "")
    return f"{feature.name} in {{{shown}}}"
