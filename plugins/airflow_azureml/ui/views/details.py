"""A completed AutoML run in charts: how good its model is, what it looks at, and where it is weak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_azureml.ui.charts import classification, importance, progress
from airflow_azureml.ui.charts.chart import isolated
from airflow_azureml.ui.views.run_files import Cohorts, Evaluation, Explanation, Interval, MetricsFile, run_file
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_azureml.ui.charts.chart import Chart
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.records import ChildRun

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class AutoMLDetails:
    """What stands in the run's files. Each part is empty or None when the run has no such file."""

    interval: Interval | None
    evaluation: Evaluation | None
    quality: tuple[Chart, ...]
    importance: tuple[Chart, ...]
    cohorts: Cohorts | None
    weakest: Chart | None

    @classmethod
    def read(cls, reading: Reading, run_id: str, files: Collection[str]) -> AutoMLDetails:
        """Ask the workspace for those of the run's files that it has. :raises WorkspaceError:"""

        def read(path: str, kind: type[R]) -> R | None:
            return run_file(reading, run_id, path, kind) if path in files else None

        metrics = read("outputs/metrics.json", MetricsFile)
        evaluation = read("outputs/evaluation.json", Evaluation)
        explanation = read("outputs/explanation.json", Explanation)
        cohorts = read("outputs/cohorts.json", Cohorts)
        return cls(
            interval=None if metrics is None else metrics.primary_metric_interval,
            evaluation=evaluation,
            quality=() if evaluation is None else _quality(evaluation),
            importance=() if explanation is None else _importance(explanation),
            cohorts=cohorts,
            weakest=None if cohorts is None or not cohorts.cohorts else _weakest(cohorts),
        )

    @property
    def has_any(self) -> bool:
        """Whether the run left such files at all."""
        return bool(self.quality or self.importance or self.cohorts)


def trials_chart(trials: Sequence[ChildRun], metric: str) -> Chart | None:
    """The trials that have a score, in order; None when there is none."""
    scored = [(trial.iteration, trial.algorithm, trial.score) for trial in trials if trial.score is not None]
    return progress.trial_scores(sorted(scored), metric=metric) if scored else None


def _quality(evaluation: Evaluation) -> tuple[Chart, ...]:
    names = evaluation.drawn_classes
    roc = {
        name: (evaluation.roc[name].false_positive_rate, evaluation.roc[name].true_positive_rate)
        for name in names
        if evaluation.roc.get(name) is not None and evaluation.roc[name].false_positive_rate
    }
    recall = {
        name: (evaluation.precision_recall[name].recall, evaluation.precision_recall[name].precision)
        for name in names
        if evaluation.precision_recall.get(name) is not None and evaluation.precision_recall[name].recall
    }
    points = {
        name: [(point.mean_predicted, point.observed, point.rows) for point in evaluation.calibration[name]]
        for name in names
        if evaluation.calibration.get(name)
    }
    of_class = f" Of class {names[0]!r}." if len(evaluation.classes) == 2 else ""
    return (
        classification.confusion(evaluation.classes, evaluation.confusion_matrix),
        classification.roc(roc, of_class=of_class),
        classification.precision_recall(recall, of_class=of_class),
        classification.calibration(points, of_class=of_class),
    )


def _importance(explanation: Explanation) -> tuple[Chart, ...]:
    raw = importance.importance(
        explanation.raw, title="Importance of the columns", of="column", method=explanation.method
    )
    if not explanation.engineered:
        return (raw,)
    engineered = importance.importance(
        explanation.engineered, title="Importance of the engineered features", of="feature", method=explanation.method
    )
    return (raw, engineered)


def _weakest(cohorts: Cohorts) -> Chart:
    named = [
        (
            f"{isolated(cohort.column)}: {isolated(cohort.cohort)}",
            cohort.accuracy,
            cohort.accuracy_low,
            cohort.accuracy_high,
            cohort.rows,
        )
        for cohort in cohorts.cohorts
    ]
    return importance.cohort_accuracy(named, overall=cohorts.accuracy)
