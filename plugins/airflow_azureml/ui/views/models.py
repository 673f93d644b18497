"""A registered model: its versions, who serves them, how good they are, and how it came to serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.ui.charts import progress
from airflow_azureml.ui.views.documents import documents_below
from airflow_azureml.ui.views.kept import Kept
from azureml_gate.decision import DecisionRecord
from azureml_gate.history import ChampionEntry, ChampionHistory
from azureml_workspace.errors import Conflict, NotFound, RunFailed

if TYPE_CHECKING:
    from airflow_azureml.ui.charts.chart import Chart
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import AutoMLResult, ModelVersion, WebService

MOST_VERSIONS = 200
MOST_DOCUMENTS = 200
DROP_TAG = "drop_key"


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """What came of a run; None: nothing, or it is gone."""

    result: AutoMLResult | None


_RESULTS: Kept[_Ended] = Kept(2000)


@dataclass(frozen=True, kw_only=True)
class VersionView:
    """A version; `result` is there when its AutoML run still is, `services` are those that serve it."""

    model: ModelVersion
    result: AutoMLResult | None
    services: tuple[str, ...]

    @property
    def score(self) -> float | None:
        """The primary metric, as validated by AutoML."""
        return None if self.result is None else self.result.metrics.get(self.result.primary_metric)

    @property
    def step(self) -> str:
        """Its drop, or its number."""
        drop = self.model.tags.get(DROP_TAG)
        return f"{drop} (v{self.model.version})" if drop else f"version {self.model.version}"


@dataclass(frozen=True, kw_only=True)
class ServedEntry:
    """A change of what a web service serves."""

    service: str
    entry: ChampionEntry


@dataclass(frozen=True, kw_only=True)
class ModelsView:
    """All models by name, and the one that is looked at; the newest first everywhere."""

    names: tuple[str, ...]
    name: str | None
    versions: tuple[VersionView, ...] = ()
    versions_count: int = 0
    history: tuple[ServedEntry, ...] = ()
    decisions: tuple[DecisionRecord, ...] = ()
    charts: tuple[Chart, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, reading: Reading, name: str | None) -> ModelsView:
        """Ask the workspace; the first model when none is named.

        :raises NotFound: there is no such model. :raises WorkspaceError:
        """
        names = reading.need(lambda workspace: workspace.list_model_names())
        chosen = name if name is not None else next(iter(names), None)
        if chosen is None:
            return cls(names=(), name=None)
        found = reading.need(lambda workspace: workspace.list_model_versions(chosen))
        if not found:
            raise NotFound(f"there is no model {chosen!r}.")
        services = reading.part("web services", lambda workspace: workspace.list_services()) or ()
        history = _history(reading, chosen)
        decisions = _decisions(reading, chosen, {entry.service for entry in history})
        newest = sorted(found, key=lambda model: -model.version)
        versions = _versions(reading, newest[:MOST_VERSIONS], services)
        return cls(
            names=tuple(names),
            name=chosen,
            versions=versions,
            versions_count=len(found),
            history=history,
            decisions=decisions,
            charts=_charts(versions, decisions),
            missing=reading.missing,
        )


def _versions(reading: Reading, models: list[ModelVersion], services: Sequence[WebService]) -> tuple[VersionView, ...]:
    views = []
    for model in models:
        served = [s.name for s in services if (s.model_name, s.model_version) == (model.name, model.version)]
        views.append(VersionView(model=model, result=_result(reading, model.run_id), services=tuple(served)))
    return tuple(views)


def _result(reading: Reading, run_id: str) -> AutoMLResult | None:
    """What came of a run that has ended never changes. Once one is late, the others are not asked for any more."""
    key = (reading.source, run_id)
    kept = _RESULTS.get(key)
    part = "metrics of the versions"
    if kept is None and part not in reading.missing:
        kept = reading.part(part, lambda workspace: _read_result(workspace, run_id))
        if kept is not None:
            _RESULTS.keep(key, kept)
    return None if kept is None else kept.result


def _read_result(workspace: Workspace, run_id: str) -> _Ended | None:
    try:
        return _Ended(result=workspace.automl_result(run_id))
    except (NotFound, RunFailed):
        return _Ended(result=None)
    except Conflict:  # it is at work again
        return None


def _history(reading: Reading, name: str) -> tuple[ServedEntry, ...]:
    found = [
        ServedEntry(service=history.service, entry=entry)
        for history in documents_below(reading, "champions", ChampionHistory, most=MOST_DOCUMENTS)
        for entry in history.entries
        if name in {model.name for model in (entry.model, entry.previous) if model is not None}
    ]
    return tuple(sorted(found, key=lambda served: served.entry.at, reverse=True))


def _decisions(reading: Reading, name: str, services: set[str]) -> tuple[DecisionRecord, ...]:
    """Of the services that the model served, or of all when there is none yet."""
    prefixes = [f"decisions/{service}" for service in sorted(services)] or ["decisions"]
    found = [
        record
        for prefix in prefixes
        for record in documents_below(reading, prefix, DecisionRecord, most=MOST_DOCUMENTS)
        if record.request.challenger.name == name
    ]
    return tuple(sorted(found, key=lambda record: record.at, reverse=True))


def _charts(versions: tuple[VersionView, ...], decisions: tuple[DecisionRecord, ...]) -> tuple[Chart, ...]:
    return tuple(chart for chart in (_decided(decisions), _validated(versions)) if chart is not None)


def _decided(decisions: tuple[DecisionRecord, ...]) -> Chart | None:
    """Both models on the same holdout, drop by drop."""
    compared = [record for record in reversed(decisions) if record.challenger_figures is not None]
    metrics = [record.request.settings.primary_metric for record in compared]
    if len(metrics) < 2:
        return None
    metric = metrics[-1]
    points = []
    for record in compared:
        challenger, champion = record.challenger_figures, record.champion_figures
        step = record.request.drop_key or f"version {record.request.challenger.version}"
        figures = {
            "challenger": None if challenger is None else challenger.metrics.get(metric),
            "champion": None if champion is None else champion.metrics.get(metric),
        }
        points.append((step, figures))
    return progress.series(
        points,
        names=("challenger", "champion"),
        title=f"{metric} on the holdout, decision by decision",
        x="Drop",
        y=metric,
        says="The new model and the one that was served, on the same rows, in the order of the decisions.",
    )


def _validated(versions: tuple[VersionView, ...]) -> Chart | None:
    scored = [view for view in reversed(versions) if view.score is not None and view.result is not None]
    if len(scored) < 2 or scored[-1].result is None:
        return None
    metric = scored[-1].result.primary_metric
    points: list[tuple[str, dict[str, float | None]]] = [
        (view.step, {metric: view.result.metrics.get(metric)}) for view in scored if view.result is not None
    ]
    return progress.series(
        points,
        names=(metric,),
        title=f"{metric} of the versions, as validated by AutoML",
        x="Version",
        y=metric,
        says="Each on its own training data, so only the trend is to be read; the holdout's figures can be compared.",
    )
