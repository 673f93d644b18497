"""Which child of an AutoML run is its best: the one with the model.

AutoML says it in a tag, in older versions in a property, and the SDK goes by the scores where neither is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from azureml_workspace.azure_v1.numbers import finite
from azureml_workspace.records import PRIMARY_METRICS
from azureml_workspace.statuses import RunStatus

TRIAL_TEMPLATE = "automl_child"
"""Property `runTemplate` of a trial; AutoML has other child runs too, which set it up."""
_TAG, _PROPERTY = "automl_best_child_run_id", "best_child_run_id_000"

Scores = Iterable[tuple[str, str | None]]
"""Child runs: their ids, and their property `score`."""


def best_child(
    *, status: RunStatus, tags: Mapping[str, str], properties: Mapping[str, str], scores: Callable[[], Scores]
) -> str | None:
    """The id, None when the run has no best child (yet).

    `scores`, which costs requests, is called for a completed AutoML run alone that does not say itself.
    """
    named = tags.get(_TAG) or properties.get(_PROPERTY)
    is_trial = properties.get("runTemplate") == TRIAL_TEMPLATE
    # The more the better, for each of these metrics; a run that has no such property is none of AutoML's.
    has_best = status is RunStatus.COMPLETED and properties.get("primary_metric") in PRIMARY_METRICS and not is_trial
    if named or not has_best:
        return named or None
    found = [(score, run_id) for run_id, text in scores() if (score := finite(text)) is not None]
    return max(found)[1] if found else None
