"""Weights of rows by their class. Models learn with them; metrics never see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from azureml_workspace.records import BALANCED, ClassWeights, DataGuardFinding

CLASS_WEIGHT = "class_weight"
"""The one parameter that every algorithm has: a `Weighing`."""

MOST_NAMED = 10


@dataclass(frozen=True)
class Weighing:
    """How rows are weighted: by `given` weights of the classes, or balanced when there are none.

    `classes` are the labels that go with the weights.
    """

    given: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a parameter of a child run."""
        if not self.given:
            return BALANCED
        named = [f"{name}={weight:g}" for name, weight in zip(self.classes, self.given, strict=True)]
        return ", ".join(named[:MOST_NAMED]) + (", ..." if len(named) > MOST_NAMED else "")

    def of_classes(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The weight of a row of each class, scaled so that the rows of `codes` weigh 1 on average.

        Only the ratios count: a model's own regularisation then means the same with weights as without. Balanced is
        scikit-learn's formula, rows / (classes * rows of the class). `codes` must hold every class.
        """
        counts = np.bincount(codes, minlength=len(self.given))
        weights = np.array(self.given) if self.given else len(codes) / (len(counts) * counts)
        scaled: npt.NDArray[np.float64] = weights * (len(codes) / (weights @ counts))
        return scaled

    def of_rows(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The weight of each row."""
        return self.of_classes(codes)[codes]


def weighing(weights: ClassWeights, classes: Sequence[str]) -> Weighing | None:
    """What the settings ask for, None when rows count alike."""
    if isinstance(weights, str):
        return Weighing() if weights == BALANCED else None
    return Weighing(tuple(float(weights.get(name, 1.0)) for name in classes), tuple(classes))


def weighing_findings(
    weighed: Weighing | None, codes: npt.NDArray[np.int64], classes: Sequence[str], label: str
) -> list[DataGuardFinding]:
    """A finding that says which weights the models learned with."""
    if weighed is None:
        return []
    weights = weighed.of_classes(codes)
    shown = ", ".join(
        f"{name!r} {weight:.3g}" for name, weight in list(zip(classes, weights, strict=True))[:MOST_NAMED]
    )
    more = f" and {len(classes) - MOST_NAMED:,} more" if len(classes) > MOST_NAMED else ""
    kind = "given" if weighed.given else BALANCED
    return [
        DataGuardFinding(
            guard="class_weights",
            severity="info",
            message=f"class_weights ({kind}): a row of a class counts {shown}{more} in learning.",
            action="applied to every model and to the ensemble's weights; metrics count each row alike, and "
            "probabilities lean towards the heavier classes",
            columns=(label,),
        )
    ]
