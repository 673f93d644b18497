"""The conditions of the gate, each judged alone; every detail is a sentence for a person."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from azureml_endpoint.smoke import SmokeReport
from azureml_gate.age import Age
from azureml_gate.decision import Check
from azureml_gate.figures import CohortFigures, Comparison, HoldoutFigures, LoadFigures, ModelFigures
from azureml_gate.settings import GateSettings

MOST_SLOW_TURNS = 0.75
"""Share of the turns in which a candidate may be slower: on a busy machine one turn in four is, by chance alone."""


def smoke(report: SmokeReport) -> Check:
    """Whether the candidate keeps its contract."""
    failed = [f"{check.name} ({check.detail})" for check in report.failures]
    if failed:
        return _failed("smoke", f"The candidate fails {len(failed)} of {len(report.checks)} smoke checks: {failed[0]}.")
    return _passed("smoke", f"The candidate passed {len(report.checks)} smoke checks.")


def contract(problems: Sequence[str], settings: GateSettings) -> Check:
    """Whether requests that are sent now would be refused after a promotion."""
    if not problems:
        return _passed("contract", "The candidate takes the columns that the champion's clients send.")
    detail = f"The candidate takes other columns than the champion: {'; '.join(problems)}."
    if settings.allow_contract_change:
        return Check(name="contract", outcome="warning", detail=detail)
    return _failed("contract", f"{detail} To promote it all the same, set allow_contract_change.")


def rows_taken(challenger: ModelFigures, champion: ModelFigures | None, rows: int, settings: GateSettings) -> Check:
    """Whether the candidate refuses rows that the champion takes, beyond the errors that are allowed."""
    allowed = max(settings.max_error_rate, 0.0 if champion is None else champion.refused_rows / max(rows, 1))
    share = challenger.refused_rows / max(rows, 1)
    if share <= allowed:
        detail = f"The candidate takes {rows - challenger.refused_rows} of {rows} holdout rows."
        return _passed("rows_taken", detail, observed=share, limit=allowed)
    detail = (
        f"The candidate refuses {challenger.refused_rows} of {rows} holdout rows, and at most {allowed:.2%} may be: "
        f"{'; '.join(challenger.refusals)}."
    )
    return _failed("rows_taken", detail, observed=share, limit=allowed)


def holdout_size(holdout: HoldoutFigures, settings: GateSettings, *, is_needed: bool) -> Check:
    """Whether there are rows enough to say anything; a warning when nothing is decided by them."""
    least, rows = settings.min_holdout_rows, holdout.compared
    if rows >= least and len(holdout.class_counts) >= 2:
        detail = f"{rows} of {holdout.rows} holdout rows count."
        return _passed("holdout_size", detail, observed=rows, limit=least)
    what = f"{rows} rows" if rows < least else f"rows of {len(holdout.class_counts)} class"
    if not is_needed:
        detail = f"Only {what} count, so the figures say little; nothing is decided by them."
        return Check(name="holdout_size", outcome="warning", detail=detail, observed=rows, limit=least)
    detail = (
        f"Only {what} of the holdout count, and {least} rows of two classes are needed to tell; take more drops into "
        "the window, a larger holdout_share, or a smaller min_holdout_rows."
    )
    return _failed("holdout_size", detail, observed=rows, limit=least)


def holdout_unseen(challenger: ModelFigures, split: str) -> Check | None:
    """Whether the challenger was trained with the split that made the holdout; None when that is not known."""
    if not challenger.holdout_split or not split:
        return None
    if challenger.holdout_split == split:
        return _passed("holdout_unseen", "The challenger was trained on no row of the holdout.")
    detail = (
        f"The challenger was trained with the split {challenger.holdout_split!r} and the holdout made with {split!r}, "
        "so it may have been trained on rows that would judge it."
    )
    return _failed("holdout_unseen", detail)


def floor(metric: str, value: float, settings: GateSettings) -> Check | None:
    """Whether the metric is as good as any model's must be; None when nothing is asked for."""
    least = settings.min_metric
    if least is None:
        return None
    words = f"{metric} of the challenger is {value:.4f}, and at least {least:g} is asked for."
    return (_passed if value >= least else _failed)("min_metric", words, observed=value, limit=least)


def metric(found: Comparison, rows: int, settings: GateSettings) -> Check:
    """Whether the primary metric is good enough beside the champion's, by the rule."""
    seen, limit, words = {
        "not_worse": (found.low, -settings.tolerance, "the lower end may not be below"),
        "better": (found.low, 0.0, "the lower end must be above"),
        "point": (found.difference, -settings.tolerance, "the difference may not be below"),
    }[settings.rule]
    holds = seen > limit if settings.rule == "better" else seen >= limit
    detail = (
        f"{found.metric} on the same {rows} rows is {found.challenger:.4f} against the champion's "
        f"{found.champion:.4f}, a difference of {found.difference:+.4f} ({found.confidence:.0%} interval "
        f"{found.low:+.4f} to {found.high:+.4f}); {words} {limit:g} (rule {settings.rule})."
    )
    return (_passed if holds else _failed)("metric", detail, observed=seen, limit=limit)


def gain(found: Comparison, age: Age, settings: GateSettings) -> Check:
    """Whether there is a reason to change the model: newer data, or a better metric."""
    if age is Age.NEWER:
        return _passed("gain", "The challenger was trained on newer data than the champion.")
    whose = "the same data as the champion" if age is Age.SAME else "older data than the champion's"
    limit = settings.tolerance
    if found.difference > 0 and found.high > limit:
        detail = f"The challenger was trained on {whose} and is better: the upper end is above {limit:g}."
        return _passed("gain", detail, observed=found.high, limit=limit)
    detail = (
        f"No gain: the challenger was trained on {whose}, and its {found.metric} is not better within the tolerance of "
        f"{limit:g}."
    )
    return _failed("gain", detail, observed=found.high, limit=limit)


def cohorts(found: Sequence[CohortFigures], settings: GateSettings) -> Check:
    """Whether there is a part of the data for which the challenger is far worse for certain."""
    limit = -(settings.cohort_tolerance or 0.0)
    if not found:
        detail = f"No column has cohorts of {settings.cohort_min_rows} rows, so none was compared."
        return Check(name="cohorts", outcome="warning", detail=detail)
    worse = [cohort for cohort in found if cohort.is_worse]
    worst = found[0]
    figures = (
        f"{worst.column} = {worst.cohort} with {worst.rows} rows, {worst.metric} {worst.challenger:.4f} against "
        f"{worst.champion:.4f}, a difference of {worst.difference:+.4f} (interval for all cohorts together "
        f"{worst.low:+.4f} to {worst.high:+.4f})"
    )
    if worse:
        detail = (
            f"In {len(worse)} of {len(found)} cohorts the challenger is worse by more than {-limit:g}, for certain; "
            f"the worst is {figures}."
        )
        return _failed("cohorts", detail, observed=worst.difference, limit=limit)
    detail = f"In none of {len(found)} cohorts is the challenger worse for certain; the worst is {figures}."
    return _passed("cohorts", detail, observed=worst.difference, limit=limit)


def latency(challenger: LoadFigures, settings: GateSettings) -> Check | None:
    """Whether the candidate is quick enough; None when nothing is asked for."""
    limit = settings.max_p95_ms
    if limit is None:
        return None
    if challenger.p95_ms is None:
        return _failed("latency", "The candidate answered no request of the load.", limit=limit)
    detail = f"The candidate's 95th percentile is {challenger.p95_ms:.2f} ms, and at most {limit:g} ms is asked for."
    return (_passed if challenger.p95_ms <= limit else _failed)(
        "latency", detail, observed=challenger.p95_ms, limit=limit
    )


def latency_ratio(challenger: LoadFigures, champion: LoadFigures, settings: GateSettings) -> Check | None:
    """Whether the candidate is much slower than the champion; None when nothing is asked for or can be said."""
    limit, slack = settings.max_p95_ratio, settings.p95_slack_ms
    pairs = [
        (ours, theirs)
        for ours, theirs in zip(challenger.p95_ms_by_turn, champion.p95_ms_by_turn, strict=True)
        if ours is not None and theirs
    ]
    if limit is None or not pairs or challenger.p95_ms is None or champion.p95_ms is None:
        return None
    slower = sum(ours > limit * theirs and ours - theirs >= slack for ours, theirs in pairs)
    ratio = median(ours / theirs for ours, theirs in pairs)
    detail = (
        f"The 95th percentile of the candidate is {challenger.p95_ms:.2f} ms, the champion's {champion.p95_ms:.2f} ms; "
        f"in {slower} of {len(pairs)} turns the candidate's was more than {limit:g} times the champion's and at least "
        f"{slack:g} ms above it."
    )
    holds = slower <= MOST_SLOW_TURNS * len(pairs)
    return (_passed if holds else _failed)("latency_ratio", detail, observed=ratio, limit=limit)


def errors(challenger: LoadFigures, champion: LoadFigures | None, settings: GateSettings) -> Check:
    """Whether the candidate fails more requests than is allowed, or than the champion does under the same load."""
    limit = max(settings.max_error_rate, 0.0 if champion is None else champion.error_rate)
    rate = challenger.error_rate
    detail = f"{challenger.failed} of {challenger.requests} requests to the candidate failed, at most {limit:.2%} may."
    if rate <= limit:
        return _passed("errors", detail, observed=rate, limit=limit)
    return _failed("errors", f"{detail} {'; '.join(challenger.errors)}".rstrip(), observed=rate, limit=limit)


def _passed(name: str, detail: str, *, observed: float | None = None, limit: float | None = None) -> Check:
    return Check(name=name, outcome="passed", detail=detail, observed=observed, limit=limit)


def _failed(name: str, detail: str, *, observed: float | None = None, limit: float | None = None) -> Check:
    return Check(name=name, outcome="failed", detail=detail, observed=observed, limit=limit)
