"""What is asked of a drop before anything is trained on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

_SHARES = (
    "max_null_share",
    "max_null_increase",
    "max_outside_share",
    "max_new_share",
    "max_new_label_share",
    "max_label_shift",
    "max_ks",
    "max_duplicate_share",
)
_NOT_NEGATIVE = ("min_rows", "min_classes", "min_row_ratio", "max_row_ratio", "range_margin", "max_psi")


@dataclass(frozen=True, kw_only=True)
class ValidationSettings(Record):
    """Thresholds; None asks for nothing. Shares are 0 to 1.

    Of the drop alone:

    * `min_rows`, `min_classes`: least rows, and least different labels.
    * `max_null_share`: of a column without values.
    * `max_duplicate_share`: of rows that equal an earlier one.

    Against the baseline, which is the accepted drop before:

    * `schema`: columns missing, or new, or of another kind (`integer` and `number` count as one) are refused.
    * `min_row_ratio`, `max_row_ratio`: rows of the drop by rows of the baseline.
    * `max_null_increase`: by how much the share of nulls of a column may be above the baseline's.
    * `max_outside_share`: of numbers beyond the baseline's least and greatest by more than `range_margin` of its range.
    * `max_new_share`: of rows of categories that the baseline lacks; `max_new_label_share` the same of the label, where
      chance is no excuse: a word that is no class is an error in the data.
    * `max_label_shift`: by how much the share of a class may differ.
    * `max_psi`, `max_ks`: the shift of a column's distribution, see `azureml_drift`.

    A share or a shift above its limit counts against a drop only if it is no accident of small samples: its probability
    must be below `significance`, divided by the number of columns that the check looks at. `ignore_columns` are left
    out of all that is said of single columns, apart from `schema`.
    """

    min_rows: int | None = 20
    min_classes: int | None = 2
    max_null_share: float | None = 0.95
    max_duplicate_share: float | None = 0.5
    schema: bool = True
    min_row_ratio: float | None = 0.1
    max_row_ratio: float | None = 10.0
    max_null_increase: float | None = 0.2
    max_outside_share: float | None = 0.05
    range_margin: float = 0.1
    max_new_share: float | None = 0.05
    max_new_label_share: float | None = 0.0
    max_label_shift: float | None = 0.2
    max_psi: float | None = 0.25
    max_ks: float | None = 0.3
    significance: float = 0.0001
    ignore_columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The defaults with `given` in their place. :raises InvalidRequest: an unknown name or a bad value."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise InvalidRequest(
                f"validation has {unknown[0]!r}, which is no threshold; give some of {', '.join(sorted(known))}."
            )
        settings = cls.from_dict(given)
        settings.validate()
        return settings

    def validate(self) -> None:
        """:raises InvalidRequest: names the first value that cannot be meant."""
        for name in (*_SHARES, *_NOT_NEGATIVE):
            value = getattr(self, name)
            if value is None:
                continue
            if not math.isfinite(value) or value < 0 or (name in _SHARES and value > 1):
                expected = "a share of 0 to 1" if name in _SHARES else "a number that is not negative"
                raise InvalidRequest(f"validation: {name} is {value:g}; give {expected}, or None to ask for nothing.")
        if not 0 < self.significance <= 1:
            raise InvalidRequest(f"validation: significance is {self.significance:g}; give more than 0 and at most 1.")
