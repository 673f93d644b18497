"""Everything that is measured for a decision, and what each condition makes of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from azureml_endpoint.errors import EndpointUnavailable, RowsRefused, UnexpectedReply
from azureml_endpoint.smoke import SmokeReport, smoke_check
from azureml_gate import checks
from azureml_gate.age import Age
from azureml_gate.bootstrap import compare
from azureml_gate.class_order import aligned, codes_of
from azureml_gate.cohort_comparison import compare_cohorts
from azureml_gate.cohorts import cohorts_of
from azureml_gate.contestants import SPLIT_TAG, Contestant, KeyOf
from azureml_gate.decision import Check, GateRequest
from azureml_gate.figures import CohortFigures, Comparison, HoldoutFigures, LoadFigures, ModelFigures
from azureml_gate.holdout import Holdout, read_holdout
from azureml_gate.latency import measure
from azureml_gate.service_rows import contract_problems
from azureml_gate.sides import Entrant, Side, enter, question
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.metrics.classification import Codes, Probabilities, classification_metrics
from azureml_workspace.protocol import Workspace

MOST_COHORTS = 30
"""Cohorts in a record: the worst ones."""

_SMOKE_ATTEMPTS = 3
_SMOKE_PAUSE_SECONDS = 1.0


@dataclass(kw_only=True)
class Evaluation:
    """Figures and checks so far; see `DecisionRecord` for what each field is."""

    holdout: HoldoutFigures | None = None
    challenger: ModelFigures | None = None
    champion: ModelFigures | None = None
    comparison: Comparison | None = None
    differences: dict[str, float] = field(default_factory=dict)
    cohorts: tuple[CohortFigures, ...] = ()
    cohorts_compared: int = 0
    checks: list[Check] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, check: Check | None) -> None:
        """Keep the outcome of a condition that was judged."""
        if check is not None:
            self.checks.append(check)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The conditions that do not hold."""
        return tuple(check for check in self.checks if check.outcome == "failed")


def evaluate(
    workspace: Workspace,
    request: GateRequest,
    challenger: Contestant,
    champion: Contestant | None,
    *,
    age: Age,
    key_of: KeyOf,
) -> Evaluation:
    """Smoke-test the candidate, score the same rows with both, load both a little, and judge each condition.

    :raises EndpointError: a service does not answer, or the champion cannot be scored.
    :raises InvalidRequest: the holdout, or what a service says of its classes, cannot be used.
    """
    settings = request.settings
    if request.holdout is None:
        raise InvalidRequest("there is no holdout; name a dataset version whose rows neither model was trained on.")
    holdout = read_holdout(
        workspace,
        request.holdout.name,
        request.holdout.version,
        label=request.label,
        most=settings.max_holdout_rows,
        seed=settings.seed,
    )
    found = Evaluation()
    new = enter(challenger, holdout, key_of(challenger.service))
    old = None if champion is None else enter(champion, holdout, key_of(champion.service))
    found.add(checks.smoke(_smoke(new)))
    if found.failed:
        return found
    if old is not None:
        found.add(checks.contract(contract_problems(new.contract, old.contract), settings))
    asked = _questioned(workspace, new, found)
    if asked is None:
        return found
    _Judgement(request, holdout, found).sides(asked, None if old is None else question(workspace, old), age)
    if new.sample:
        _judge_load(new, old, request, found)
    return found


def _smoke(entrant: Entrant) -> SmokeReport:
    """The report, which is about the service and not about the way there.

    :raises EndpointUnavailable: it cannot be reached, three times in a row.
    """
    service = entrant.contestant.service
    for attempt in range(_SMOKE_ATTEMPTS):
        report = smoke_check(
            service.scoring_uri,
            entrant.key,
            entrant.sample,
            swagger_uri=service.swagger_uri,
            auth_enabled=service.auth_enabled,
        )
        if not report.unavailable:
            return report
        time.sleep(_SMOKE_PAUSE_SECONDS * attempt)
    if any(check.name == "health" for check in report.failures):
        raise EndpointUnavailable(f"candidate service {service.name} does not answer: {report.failures[0].detail}")
    return report


def _questioned(workspace: Workspace, entrant: Entrant, found: Evaluation) -> Side | None:
    """The challenger's side; None after a failed check, when it does not answer as a classifier does."""
    try:
        return question(workspace, entrant)
    except (RowsRefused, UnexpectedReply) as error:
        found.add(Check(name="rows_taken", outcome="failed", detail=f"The candidate cannot score the holdout: {error}"))
        return None


class _Judgement:
    """The conditions on the answers of both sides."""

    def __init__(self, request: GateRequest, holdout: Holdout, found: Evaluation) -> None:
        self._request = request
        self._settings = request.settings
        self._holdout = holdout
        self._found = found

    def sides(self, new: Side, old: Side | None, age: Age) -> None:
        """Everything that is told by the answers."""
        found, rows = self._found, len(self._holdout.labels)
        found.challenger = new.figures
        found.champion = None if old is None else old.figures
        found.add(checks.rows_taken(found.challenger, found.champion, rows, self._settings))
        split = self._holdout.tags.get(SPLIT_TAG, "")
        found.add(checks.holdout_unseen(found.challenger, split))
        places = new.scores.places.tolist()
        if old is not None:
            found.warnings.extend(_split_warnings(found.champion, split))
            common = sorted(set(places) & set(old.scores.places.tolist()))
            if not common and self._settings.allow_contract_change:
                found.warnings.append("The champion takes no row of the holdout, so there is nothing to compare with.")
                old = None
            else:
                places = common
        self._measured(new, old, places, age)

    def _measured(self, new: Side, old: Side | None, places: list[int], age: Age) -> None:
        found, settings = self._found, self._settings
        labels = [self._holdout.labels[place] for place in places]
        counts = {label: labels.count(label) for label in sorted(set(labels))}
        found.holdout = HoldoutFigures(rows=self._holdout.total, compared=len(places), class_counts=counts)
        size = checks.holdout_size(
            found.holdout, settings, is_needed=old is not None or settings.min_metric is not None
        )
        found.add(size)
        if not places or len(counts) < 2 or size.outcome == "failed":
            return
        classes = tuple(dict.fromkeys([*new.order, *(old.order if old else ()), *counts]))
        found.warnings.extend(_class_warnings(counts, new, old))
        codes = codes_of(labels, classes)
        ours = aligned(new.scores.of(places), new.order, classes)
        metrics = classification_metrics(codes, ours)
        found.challenger = replace(new.figures, metrics=metrics)
        found.add(checks.floor(settings.primary_metric, metrics[settings.primary_metric], settings))
        if old is not None:
            theirs = aligned(old.scores.of(places), old.order, classes)
            found.champion = replace(old.figures, metrics=classification_metrics(codes, theirs))
            self._compared(codes, ours, theirs, places, age)

    def _compared(self, codes: Codes, ours: Probabilities, theirs: Probabilities, places: list[int], age: Age) -> None:
        found, settings = self._found, self._settings
        found.differences = _differences(found.challenger, found.champion)
        found.comparison = compare(
            settings.primary_metric,
            codes,
            ours,
            theirs,
            confidence=settings.confidence,
            samples=settings.bootstrap_samples,
            seed=settings.seed,
        )
        found.add(checks.metric(found.comparison, len(codes), settings))
        found.add(checks.gain(found.comparison, age, settings))
        if settings.cohort_tolerance is None:
            return
        cohorts = cohorts_of(self._holdout, places, columns=settings.cohort_columns, min_rows=settings.cohort_min_rows)
        compared = compare_cohorts(
            cohorts,
            settings.primary_metric,
            codes,
            ours,
            theirs,
            tolerance=settings.cohort_tolerance,
            confidence=settings.confidence,
            samples=settings.bootstrap_samples,
            seed=settings.seed,
        )
        found.cohorts, found.cohorts_compared = compared[:MOST_COHORTS], len(compared)
        found.add(checks.cohorts(compared, settings))


def _judge_load(new: Entrant, old: Entrant | None, request: GateRequest, found: Evaluation) -> None:
    settings = request.settings
    contenders = [new] if old is None or not old.sample else [new, old]
    ours, *others = measure([entrant.target for entrant in contenders], settings)
    theirs: LoadFigures | None = others[0] if others else None
    if found.challenger is not None:
        found.challenger = replace(found.challenger, load=ours)
    if found.champion is not None:
        found.champion = replace(found.champion, load=theirs)
    found.add(checks.errors(ours, theirs, settings))
    found.add(checks.latency(ours, settings))
    if theirs is not None:
        found.add(checks.latency_ratio(ours, theirs, settings))


def _differences(challenger: ModelFigures | None, champion: ModelFigures | None) -> dict[str, float]:
    if challenger is None or champion is None:
        return {}
    return {
        name: value - champion.metrics[name] for name, value in challenger.metrics.items() if name in champion.metrics
    }


def _split_warnings(champion: ModelFigures | None, split: str) -> list[str]:
    """A champion that saw rows of the holdout is measured too well, so the bias is against the challenger."""
    if champion is None or champion.holdout_split == split != "":
        return []
    said = f"with the split {champion.holdout_split!r}" if champion.holdout_split else "with a split that nobody noted"
    made = f"with {split!r}" if split else "without saying how"
    return [
        f"The champion was trained {said} and the holdout made {made}: it may have been trained on holdout rows, "
        "which would flatter the champion."
    ]


def _class_warnings(counts: dict[str, int], new: Side, old: Side | None) -> list[str]:
    found = []
    for side, words in ((new, "challenger"), (old, "champion")):
        unknown = sorted(set(counts) - set(side.order)) if side is not None else []
        if unknown:
            found.append(
                f"The {words} does not know {', '.join(map(repr, unknown[:5]))}, the label of "
                f"{sum(counts[label] for label in unknown)} holdout rows; it is wrong in all of them."
            )
    return found
