"""What a backfill of the planted drops leaves behind, read from the workspace alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.e2e.drops.planted import Planted

from azureml_drops.ledger import DropStatus, read_drop
from azureml_gate.history import ChampionAction, read_history
from azureml_workspace.protocol import Workspace

GATED = frozenset({DropStatus.PROMOTED, DropStatus.REJECTED, DropStatus.OLDER})
"""How a drop ends that a model was made of."""


@dataclass(frozen=True)
class Names:
    """What the backfill's things are called."""

    dataset: str
    model: str
    service: str


def check_outcomes(workspace: Workspace, planted: Planted, names: Names) -> Counter[DropStatus]:
    """Every drop has its outcome, each content its one model, and the history is of one piece. Gives the outcomes."""
    latest = {key: _latest(workspace, names.dataset, key) for key in planted.keys}
    by_status = {status: {key for key, found in latest.items() if found is status} for status in DropStatus}
    assert by_status[DropStatus.QUARANTINED] == set(planted.bad)
    assert by_status[DropStatus.MISSING] == set(planted.missing)
    (duplicate,) = by_status[DropStatus.DUPLICATE]
    assert duplicate in planted.pair
    gated = {key for status in GATED for key in by_status[status]}
    assert gated == set(planted.good) - {duplicate}
    _check_versions(workspace, names, gated)
    _check_champions(workspace, names, by_status[DropStatus.PROMOTED])
    return Counter(latest.values())


def _latest(workspace: Workspace, dataset: str, key: str) -> DropStatus | None:
    record = read_drop(workspace, dataset, key)
    return None if record is None else record.latest.status


def _check_versions(workspace: Workspace, names: Names, gated: set[str]) -> None:
    """One dataset version and one model version for each content."""
    datasets = workspace.list_dataset_versions(names.dataset)
    assert Counter(version.tags["drop_key"] for version in datasets) == Counter(gated)
    assert len({version.fingerprint for version in datasets}) == len(gated)
    models = workspace.list_model_versions(names.model)
    assert Counter(model.tags["drop_key"] for model in models) == Counter(gated)
    assert len({model.run_id for model in models}) == len(gated)


def _check_champions(workspace: Workspace, names: Names, promoted: set[str]) -> None:
    """Each promotion is one entry, each takes over from the one before, and none goes back in time."""
    history = read_history(workspace, names.service)
    assert history.pending is None
    assert {entry.action for entry in history.entries} == {ChampionAction.PROMOTED}
    keys = [entry.drop_key for entry in history.entries]
    assert set(keys) == promoted
    assert keys == sorted(keys), "an older model replaced a newer one"
    assert [entry.previous for entry in history.entries] == [None, *(entry.model for entry in history.entries[:-1])]
    live, last = workspace.get_service(names.service), history.entries[-1].model
    assert last is not None
    assert (live.model_name, live.model_version) == (last.name, last.version)
    candidates = [service.name for service in workspace.list_services() if service.name.startswith(names.service)]
    assert candidates == [names.service], "a candidate service was left behind"
