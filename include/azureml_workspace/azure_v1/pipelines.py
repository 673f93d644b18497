"""Published pipelines and their submission."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

from azureml_workspace.azure_v1.automl import AutoMLCalls
from azureml_workspace.azure_v1.automl_checks import check_submission, refuse_what_only_the_local_one_has
from azureml_workspace.azure_v1.published import Endpoint, Entity, Origin, PublishedPipelines
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, WorkspaceError
from azureml_workspace.records import PipelineDefinition, PublishedPipeline
from azureml_workspace.statuses import PipelineStatus

logger = logging.getLogger(__name__)

_PUBLISH_SECONDS = 300.0
_SHORT = 8


class PipelineCalls(AutoMLCalls):
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    @cached_property
    def _published(self) -> PublishedPipelines:
        return PublishedPipelines(self._azure)

    def publish_pipeline(self, definition: PipelineDefinition) -> PublishedPipeline:
        """Build the pipeline with the SDK and make it the default of its endpoint.

        A version that was published and never reached its endpoint (this process died in between) is taken up.
        """
        definition.validate()
        refuse_what_only_the_local_one_has(definition.automl)
        endpoint = self._published.endpoint(definition.name)
        versions = [entity for entity in self._published.list_all() if _is_version(entity, definition.name)]
        in_endpoint = set() if endpoint is None else set(endpoint.pipelines.values())
        for entity in versions:
            if entity.status is PipelineStatus.ACTIVE and _says(entity, definition):
                if endpoint is not None and entity.pipeline_id == endpoint.default_pipeline:
                    return self._pipeline_record(entity, endpoint)
                if entity.pipeline_id not in in_endpoint:
                    return self._pipeline_record(
                        entity, self._published.make_default(definition.name, entity.pipeline_id)
                    )
        origin = Origin(definition=definition, dataset_version=self._check(definition))
        number = max((entity.number for entity in versions), default=0) + 1
        entity = self._publish(origin, definition.name, str(number))
        return self._pipeline_record(entity, self._published.make_default(definition.name, entity.pipeline_id))

    def get_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        """Read the pipeline, and the endpoint of its name."""
        entity = self._published.get(pipeline_id)
        return self._pipeline_record(entity, self._published.endpoint(entity.name))

    def find_pipeline(self, name: str, version: int | None = None) -> PublishedPipeline:
        """Read the endpoint of that name; a version by its number among all pipelines of that name."""
        endpoint = self._published.endpoint(name)
        if version is None:
            if endpoint is None:
                raise NotFound(f"there is no pipeline endpoint {name!r}; publish the pipeline, or check the name.")
            return self._pipeline_record(self._published.get(endpoint.default_pipeline), endpoint)
        versions = [entity for entity in self._published.list_all() if _is_version(entity, name)]
        found = [entity for entity in versions if entity.number == version]
        if not found:
            raise NotFound(f"there is no version {version} of pipeline {name!r}.")
        if len(found) > 1:  # two published at the same time
            active = [entity for entity in found if entity.status is PipelineStatus.ACTIVE]
            if len(active) != 1:
                ids = ", ".join(entity.pipeline_id for entity in found)
                raise Conflict(f"more than one pipeline is version {version} of {name!r}: {ids}; disable all but one.")
            found = active
        return self._pipeline_record(found[0], endpoint)

    def list_pipelines(self, name: str | None = None) -> list[PublishedPipeline]:
        """All that were published from here; what others published has no definition that could be read."""
        found = [entity for entity in self._published.list_all() if _is_version(entity, name)]
        endpoints = {one: self._published.endpoint(one) for one in {entity.name for entity in found}}
        records = [self._pipeline_record(entity, endpoints[entity.name]) for entity in found]
        return sorted(records, key=lambda record: (record.name, -record.version))

    def set_pipeline_status(self, pipeline_id: str, status: PipelineStatus) -> PublishedPipeline:
        """Enable or disable."""
        if status is PipelineStatus.UNKNOWN:
            raise InvalidRequest("status is unknown; give Active or Disabled.")
        self._published.get(pipeline_id)
        self._published.set_status(pipeline_id, status)
        return self.get_pipeline(pipeline_id)

    def set_default_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        """Change the endpoint of its name."""
        entity = self._published.get(pipeline_id)
        if entity.status is not PipelineStatus.ACTIVE:
            raise Conflict(
                f"version {entity.version} of pipeline {entity.name!r} is {entity.status.value} (disabled pipelines "
                "cannot be submitted); enable it before you make it the default."
            )
        return self._pipeline_record(entity, self._published.make_default(entity.name, pipeline_id))

    def _variant(self, base: Entity, origin: Origin, *, follows_latest: bool) -> Entity:
        """The base pipeline with the data and the limits of `origin`, published when it is not there yet.

        `follows_latest`: that data is wanted because it is the newest, so variants with older data are done with.
        """
        active = self._published.list_all(active_only=True)
        found = _made_from(active, origin)
        if found is not None:
            return found
        found = _made_from(self._published.list_all(), origin)
        if found is None:
            name = f"{base.name}.v{base.version}.{origin.fingerprint[:_SHORT]}"
            found = self._publish(origin, name, base.version)
        else:
            self._published.set_status(found.pipeline_id, PipelineStatus.ACTIVE)
        if follows_latest:
            self._disable_superseded(active, origin)
        return found

    def _disable_superseded(self, active: Iterable[Entity], origin: Origin) -> None:
        """Disable variants with data that is older than that of `origin`, except the newest of them: somebody else may
        be about to submit that."""
        older = [
            (entity.made_from.dataset_version, entity.name, entity.pipeline_id)
            for entity in active
            if entity.made_from is not None and entity.made_from.is_superseded_by(origin)
        ]
        for _, name, pipeline_id in sorted(older)[:-1]:
            try:
                self._published.set_status(pipeline_id, PipelineStatus.DISABLED)
            except WorkspaceError as error:  # the submission does not need it, and the next variant tries again
                logger.warning("pipeline %s with old data is not disabled: %s", name, error)

    def _publish(self, origin: Origin, name: str, version: str) -> Entity:
        definition = replace(origin.definition, dataset_version=origin.dataset_version)
        settings = definition.settings(
            experiment_name=definition.experiment_name, latest_version=origin.dataset_version
        )
        pipeline_id = self._azure.sdk.call(
            "publish_pipeline",
            {
                "name": name,
                "version": version,
                "description": origin.described(),
                "settings": settings.to_dict(),
                "model_name": definition.model_name,
                "model_tags": {
                    **definition.model_tags,
                    "pipeline": definition.name,
                    "pipeline_version": version,
                    "dataset": definition.automl.dataset_name,
                    "dataset_version": str(origin.dataset_version),
                    "label": definition.automl.label_column_name,
                    "primary_metric": definition.automl.primary_metric,
                },
            },
            seconds=_PUBLISH_SECONDS,
        )
        return self._published.get(str(pipeline_id))

    def _check(self, definition: PipelineDefinition) -> int:
        """The version of the data that is read. :raises InvalidRequest: a run cannot work with what is there now."""
        with missing_as_invalid(definition.name):
            version, profile = self._profile(definition.automl.dataset_name, definition.dataset_version)
            self._find_compute(definition.automl.compute_target)
        settings = definition.settings(experiment_name=definition.experiment_name, latest_version=version)
        check_submission(settings, profile, is_own_cloud=self._azure.settings.cloud_metadata_url is not None)
        return version

    def _pipeline_record(self, entity: Entity, endpoint: Endpoint | None) -> PublishedPipeline:
        """:raises InvalidRequest: it was not published from here, so nobody knows its definition."""
        if entity.made_from is None:
            raise InvalidRequest(
                f"pipeline {entity.pipeline_id} ({entity.name} {entity.version}) was not published by airflow-azureml: "
                "its description holds no definition. Publish it from here, or run it with the SDK."
            )
        return PublishedPipeline(
            pipeline_id=entity.pipeline_id,
            name=entity.name,
            version=entity.number,
            status=entity.status,
            is_default=endpoint is not None and endpoint.default_pipeline == entity.pipeline_id,
            endpoint=entity.url,
            pipeline_endpoint="" if endpoint is None else endpoint.url,
            definition=entity.made_from.definition,
            created_at=entity.created_at,
            portal_url=self._azure.portal_url(f"/pipelines/{entity.pipeline_id}"),
        )


def _is_version(entity: Entity, name: str | None) -> bool:
    origin = entity.made_from
    return origin is not None and origin.variant_of is None and name in (None, entity.name)


def _made_from(entities: Iterable[Entity], origin: Origin) -> Entity | None:
    fingerprint = origin.fingerprint
    of_this = (one for one in entities if one.made_from is not None and one.made_from.fingerprint == fingerprint)
    return next(of_this, None)


def _says(entity: Entity, definition: PipelineDefinition) -> bool:
    return entity.made_from is not None and entity.made_from.definition.fingerprint == definition.fingerprint


@contextmanager
def missing_as_invalid(name: str) -> Iterator[None]:
    """What a pipeline refers to and is not there: the caller asked for the pipeline, and that is."""
    try:
        yield
    except NotFound as error:
        raise InvalidRequest(f"pipeline {name} cannot work: {error}") from error
