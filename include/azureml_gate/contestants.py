"""The two services of a decision: the live one with the champion, and the candidate with the challenger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from azureml_gate.decision import GateRequest, Versioned
from azureml_workspace.errors import Conflict, NotFound, ServiceUnavailable
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import ModelVersion, WebService
from azureml_workspace.statuses import ServiceState

KeyOf = Callable[[WebService], str | None]
"""The key of a service, None when it asks for none."""

DROP_DATASET_TAG, DROP_KEY_TAG, SPLIT_TAG = "drop_dataset", "drop_key", "holdout_split"

_SETTLE_SECONDS = 120.0
_POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A service and the model version that it serves, None when that is not registered any more."""

    service: WebService
    model: ModelVersion | None

    @property
    def version(self) -> Versioned:
        """The model version."""
        return Versioned(name=self.service.model_name, version=self.service.model_version)

    def tag(self, name: str) -> str:
        """A tag of the model, empty when it has none."""
        return "" if self.model is None else self.model.tags.get(name, "")

    @property
    def dataset(self) -> str:
        """The dataset version that the model was trained on, in words; empty when that is not known."""
        name, version = self.tag("dataset"), self.tag("dataset_version")
        return f"{name} version {version}" if name and version else ""


@dataclass(frozen=True, kw_only=True)
class Champion:
    """What the live service serves, None when it serves nothing; `warnings` say why that may be something else."""

    contestant: Contestant | None
    warnings: tuple[str, ...] = field(default=())

    @property
    def version(self) -> Versioned | None:
        """The model version that is served."""
        return None if self.contestant is None else self.contestant.version


def find_champion(workspace: Workspace, service: str) -> Champion:
    """The champion is what the service serves now, not what any list says.

    There is none when there is no such service, or one that failed. A service that is being changed is waited for, two
    minutes at most.

    :raises ServiceUnavailable: it is being changed for longer.
    """
    try:
        found = _settled(workspace, service)
    except NotFound:
        return Champion(contestant=None)
    match found.state:
        case ServiceState.FAILED:
            return Champion(
                contestant=None,
                warnings=(
                    f"Web service {service} is Failed and answers nobody, so there is no champion: {found.error}",
                ),
            )
        case ServiceState.HEALTHY:
            warnings: tuple[str, ...] = ()
        case _:
            warnings = (
                f"Web service {service} is {found.state}, so the model that it names, {found.model_name} version "
                f"{found.model_version}, may not be the one that answers: {found.error or 'no reason was given.'}",
            )
    return Champion(contestant=Contestant(service=found, model=_model_of(workspace, found)), warnings=warnings)


def find_challenger(workspace: Workspace, request: GateRequest) -> Contestant:
    """The candidate service, which must serve the challenger and nothing else.

    :raises NotFound: no such service. :raises Conflict: it serves another model, or failed.
    :raises ServiceUnavailable: it is being changed.
    """
    found = _settled(workspace, request.candidate_service)
    wanted = request.challenger
    if (found.model_name, found.model_version) != (wanted.name, wanted.version):
        raise Conflict(
            f"candidate service {found.name} serves {found.model_name} version {found.model_version}, and {wanted} is "
            "to be judged; deploy that as the candidate first."
        )
    if found.state is ServiceState.FAILED:
        raise Conflict(f"candidate service {found.name} is Failed: {found.error or 'no reason was given.'}")
    return Contestant(service=found, model=_model_of(workspace, found))


def _settled(workspace: Workspace, name: str) -> WebService:
    end = time.monotonic() + _SETTLE_SECONDS
    while (found := workspace.get_service(name)).state is ServiceState.TRANSITIONING:
        if time.monotonic() > end:
            raise ServiceUnavailable(f"web service {name} is being changed; decide when that has ended.")
        time.sleep(_POLL_SECONDS)
    return found


def _model_of(workspace: Workspace, service: WebService) -> ModelVersion | None:
    try:
        return workspace.get_model(service.model_name, service.model_version)
    except NotFound:
        return None
