"""Published pipelines as Azure keeps them, with the definition that they were made from.

Azure has no place for a definition, and AutoML's settings are fixed in a step when it is published: neither data nor
limits of an AutoMLStep can be a parameter of a submission. So

* the description of every pipeline that is published here ends with its definition as JSON, and can be read back;
* a submission that wants other data or limits is one of a *variant*: the same pipeline published once more with them,
  under a name of its own. A variant is found again by what it is, and is no version of the pipeline. When newer data
  made another one, older ones are disabled, so that what is active stays little.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import PipelineDefinition
from azureml_workspace.segments import segment
from azureml_workspace.statuses import PipelineStatus

_STATUSES = {"0": "Active", "1": "Deprecated", "2": "Disabled"}
"""Older regions answer with numbers."""
_HEADLINE = "airflow-azureml definition: "


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A published pipeline of Azure. `made_from` is None when it was not published here."""

    pipeline_id: str
    name: str
    version: str
    status: PipelineStatus
    url: str
    created_at: datetime
    made_from: Origin | None

    @property
    def number(self) -> int:
        """The version as a number; 0 when it is none."""
        return int(self.version) if self.version.isdecimal() else 0


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a pipeline was published from: the definition, and the version of the data that it was built on.

    `variant_of` is the id of the pipeline that it is a variant of.
    """

    definition: PipelineDefinition
    dataset_version: int
    variant_of: str | None = None

    def is_superseded_by(self, other: Origin) -> bool:
        """Whether it is a variant that differs from `other` in nothing but its older data."""
        return (
            self.variant_of is not None
            and self.variant_of == other.variant_of
            and self.dataset_version < other.dataset_version
            and replace(self.definition, dataset_version=None) == replace(other.definition, dataset_version=None)
        )

    @property
    def fingerprint(self) -> str:
        """Equal for pipelines that do the same."""
        content = {**self.definition.to_dict(), "built_on": self.dataset_version, "variant_of": self.variant_of}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def described(self) -> str:
        """The description of the pipeline on Azure."""
        content = {
            "definition": self.definition.to_dict(),
            "fingerprint": self.definition.fingerprint,
            "dataset_version": self.dataset_version,
            "variant_of": self.variant_of,
        }
        words = f"{self.definition.description}\n\n" if self.definition.description else ""
        return f"{words}{_HEADLINE}{json.dumps(content, separators=(',', ':'))}"

    @classmethod
    def read(cls, description: str) -> Origin | None:
        """What `described` wrote, None when it did not, or somebody changed it by hand."""
        _, *following = description.split(_HEADLINE)
        while following:  # a description may hold the headline itself
            found = cls._parse(_HEADLINE.join(following))
            if found is not None:
                return found
            following.pop(0)
        return None

    @classmethod
    def _parse(cls, text: str) -> Origin | None:
        try:
            content = json.loads(text)
            return cls(
                definition=PipelineDefinition.from_dict(content["definition"]),
                dataset_version=int(content["dataset_version"]),
                variant_of=content["variant_of"],
            )
        except (ValueError, KeyError, TypeError, InvalidRequest):
            return None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A pipeline endpoint: versions (numbers of its own) are ids of pipelines."""

    endpoint_id: str
    url: str
    default: str
    pipelines: dict[str, str]

    @property
    def default_pipeline(self) -> str:
        """The id of the pipeline that it submits."""
        return self.pipelines.get(self.default, "")


class PublishedPipelines:
    """Reads and changes Azure's published pipelines and endpoints with short requests."""

    def __init__(self, azure: AzureConnection) -> None:
        self._azure = azure

    def get(self, pipeline_id: str) -> Entity:
        """:raises NotFound:"""
        return _entity(self._call("GET", f"/Pipelines/{segment('pipeline', pipeline_id)}"))

    def list_all(self, *, active_only: bool = False) -> list[Entity]:
        """Every published pipeline, disabled ones too unless `active_only`."""
        query = {"activeOnly": "true" if active_only else "false"}
        return [_entity(found) for found in self._call("GET", "/Pipelines", query=query)]

    def set_status(self, pipeline_id: str, status: PipelineStatus) -> None:
        """Enable or disable. :raises NotFound:"""
        url = self._azure.url("pipelines", f"/Pipelines/{segment('pipeline', pipeline_id)}/status")
        self._azure.rest.call("PUT", url, body=status.value)  # nobody needs what it answers

    def endpoint(self, name: str) -> Endpoint | None:
        """The pipeline endpoint of that name, None when there is none."""
        try:
            return _endpoint(self._call("GET", "/PipelineEndpoints/Name", query={"Name": name}))
        except NotFound:
            return None

    def endpoint_by_id(self, endpoint_id: str) -> Endpoint:
        """:raises NotFound:"""
        return _endpoint(self._call("GET", f"/PipelineEndpoints/Id/{segment('pipeline endpoint', endpoint_id)}"))

    def make_default(self, name: str, pipeline_id: str) -> Endpoint:
        """Make the endpoint of that name submit this pipeline; endpoint and version are made when they are missing."""
        found = self.endpoint(name)
        if found is None:
            body = {"Name": name, "Description": "published by airflow-azureml", "PipelineId": pipeline_id}
            try:
                return _endpoint(self._call("POST", "/PipelineEndpoints/Create", body=body))
            except Conflict:  # somebody else made it just now
                found = self.endpoint(name)
                if found is None:
                    raise
        versions = dict(found.pipelines)
        wanted = next((version for version, pipeline in versions.items() if pipeline == pipeline_id), None)
        if wanted is None:
            wanted = str(max((int(version) for version in versions if version.isdecimal()), default=-1) + 1)
            versions[wanted] = pipeline_id
        path = f"/PipelineEndpoints/{segment('pipeline endpoint', found.endpoint_id)}"
        # Azure replaces the whole entity, so what it said is sent back with the change.
        before = self._call("GET", f"/PipelineEndpoints/Id/{segment('pipeline endpoint', found.endpoint_id)}")
        changes = {
            "DefaultVersion": wanted,
            "PipelineVersionList": [{"Version": version, "PipelineId": one} for version, one in versions.items()],
        }
        return _endpoint(self._call("PUT", path, body={**before, **changes}))

    def run(self, run_id: str) -> dict[str, Any]:
        """Azure's entity of a pipeline run. :raises NotFound:"""
        found: dict[str, Any] = self._call("GET", f"/PipelineRuns/{segment('run', run_id)}")
        return found

    def _call(self, method: str, path: str, **request: Any) -> Any:
        return self._azure.json(method, "pipelines", path, **request)


def _entity(found: dict[str, Any]) -> Entity:
    status = str(found.get("EntityStatus"))
    return Entity(
        pipeline_id=str(found["Id"]),
        name=str(found.get("Name") or ""),
        version=str(found.get("Version") or ""),
        status=PipelineStatus(_STATUSES.get(status, status)),
        url=str(found.get("Url") or ""),
        created_at=datetime.fromisoformat(found["CreatedDate"]),
        made_from=Origin.read(str(found.get("Description") or "")),
    )


def _endpoint(found: dict[str, Any]) -> Endpoint:
    return Endpoint(
        endpoint_id=str(found["Id"]),
        url=str(found["Url"]),
        default=str(found.get("DefaultVersion")),
        pipelines={str(one["Version"]): str(one["PipelineId"]) for one in found.get("PipelineVersionList") or []},
    )
