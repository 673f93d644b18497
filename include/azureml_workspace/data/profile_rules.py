"""What makes a column an identifier or a mix of types: one rule for the profile and for AutoML. Imports NumPy only."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from azureml_workspace.records import ColumnKind

MIN_ID_ROWS = 20
MIN_ID_FILLED = 0.5
"""A column that is empty in more rows than this is no identifier, however unique its few values are."""

ID_TEXT_SHARE = 0.95
"""A text column with at least this share of distinct values names rows instead of describing them."""

NUMBER = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
"""A text that is a number; a column that holds such and other texts has mixed types."""

_ID_NAME = re.compile(r"(^|[^a-z])(id|uuid|guid|key|index|rownum)$|^unnamed: ?0$|_id$|[a-z]Id$|[a-z]ID$")


def is_id_like(
    name: str,
    kind: ColumnKind,
    *,
    rows: int,
    filled: int,
    distinct: int,
    integers: Callable[[], npt.NDArray[np.int64] | npt.NDArray[np.float64]],
) -> bool:
    """Whether a column names rows: nearly unique text, or unique integers that count up or are called an id.

    Unique integers alone are not enough: an amount in cents is often unique and says a lot. `filled` of the `rows` hold
    a value, `distinct` different ones; `integers` gives those of an integer column in their order, if needed.
    """
    if filled < max(MIN_ID_ROWS, MIN_ID_FILLED * rows):
        return False
    if kind == "string":
        return distinct >= ID_TEXT_SHARE * filled
    if kind != "integer" or distinct < filled:
        return False
    return bool(_ID_NAME.search(name) or _ID_NAME.search(name.lower())) or _counts_up(integers())


def _counts_up(numbers: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> bool:
    ascending = bool((numbers[1:] > numbers[:-1]).all())
    return ascending and float(numbers[-1]) - float(numbers[0]) < 2 * len(numbers)
