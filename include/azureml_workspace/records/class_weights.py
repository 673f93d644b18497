"""How much the rows of each class count when a model learns."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

ClassWeights = str | dict[str, float]
"""`none`, `balanced` (each class counts alike), or the weight of a row by its label; a label not named weighs 1."""

UNWEIGHTED = "none"
BALANCED = "balanced"
LARGEST_WEIGHT = 1e6

_EXPECTED = "give 'none', 'balanced' or a weight for each label, such as {\"yes\": 8}"


def validate_class_weights(weights: ClassWeights) -> None:
    """:raises InvalidRequest: names the bad value, what was expected and what to do."""
    if isinstance(weights, str):
        if weights not in (UNWEIGHTED, BALANCED):
            raise InvalidRequest(f"class_weights is {shown(weights)}; {_EXPECTED}.")
        return
    if not weights:
        raise InvalidRequest(f"class_weights is an empty mapping; {_EXPECTED}.")
    for label, weight in weights.items():
        if not (math.isfinite(weight) and 0 < weight <= LARGEST_WEIGHT):
            raise InvalidRequest(
                f"class_weights gives {shown(label)} the weight {weight:g}; "
                f"give a number above 0 and up to {LARGEST_WEIGHT:,.0f}. To leave a class out, remove its rows."
            )


def require_classes(weights: ClassWeights, label: str, classes: Collection[str]) -> None:
    """:raises InvalidRequest: a weight is of no value of the label column; names the values that there are."""
    if not isinstance(weights, Mapping):
        return
    for name in weights:
        if name not in classes:
            known = ", ".join(repr(one) for one in sorted(classes)[:20])
            more = f" and {len(classes) - 20:,} more" if len(classes) > 20 else ""
            raise InvalidRequest(
                f"class_weights names {shown(name)}, which is no value of label column {label!r}; "
                f"its values are {known}{more}."
            )
