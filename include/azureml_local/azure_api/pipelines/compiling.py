"""Makes of a graph what the engine runs: an AutoML step, and perhaps the registration of its best model after it.

Anything else in a graph is refused, by the name of its step, before it is published or submitted: there is nothing here
that would run it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from azureml_local.azure_api.automl_settings import read_settings
from azureml_local.azure_api.bodies import read
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.graphs import StepNode
from azureml_local.azure_api.pipelines.modules import require_module
from azureml_local.azure_api.pipelines.references import dataset_of, with_names
from azureml_local.azure_api.pipelines.registration import Registration, read_registration
from azureml_local.azure_api.pipelines.wire import Graph, ModuleNode, StructuredInterface
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import (
    AUTOML_STEP,
    REGISTER_STEP,
    AutoMLConfig,
    AutoMLSettings,
    DatasetVersion,
    PipelineDefinition,
)
from azureml_workspace.texts import shown

_AUTOML_EXECUTION = "AutoMLCloud"
_CONFIG = "AutoMLConfig"
_TRAINING_DATA = "training_data"
_EXPERIMENT = re.compile(r"[^A-Za-z0-9_-]+")
_PIPELINE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_EXPERIMENT = 36


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What the engine runs for a graph, the graph as it is kept, and which node of it is which step."""

    definition: PipelineDefinition
    graph: Document
    nodes: tuple[StepNode, ...]


@dataclass(frozen=True, kw_only=True)
class _Step:
    node: ModuleNode
    module: Document

    @property
    def name(self) -> str:
        return str(self.module["Name"])

    @property
    def interface(self) -> StructuredInterface:
        return read(self.module["StructuredInterface"] or {}, StructuredInterface)


def compile_graph(surface: Surface, graph: Document, *, name: str, description: str) -> Compiled:
    """:raises InvalidRequest: the engine cannot run it; the message names the step."""
    wire = read(graph, Graph)
    automl, registration = _steps(surface, wire)
    experiment = experiment_name(name)
    data, version = _training_data(surface, wire, automl)
    dataset = surface.workspace.datasets.get(data, version)
    config = AutoMLConfig.from_dict(_settings(automl, experiment, dataset).to_dict())
    definition = PipelineDefinition(
        name=pipeline_name(name),
        automl=config,
        model_name="" if registration is None else registration[1].model_name,
        experiment_name=experiment,
        dataset_version=version,
        model_tags={} if registration is None else dict(registration[1].tags),
        description=description,
    )
    nodes = [_step_node(wire, automl, AUTOML_STEP)]
    if registration is not None:
        nodes.append(_step_node(wire, registration[0], REGISTER_STEP))
    return Compiled(definition=definition, graph=with_names(surface, graph), nodes=tuple(nodes))


def pipeline_name(name: str) -> str:
    """The name that the engine keeps the pipeline under: Azure's, without what is not allowed there."""
    return _PIPELINE.sub("-", name).strip("._-")[:255] or "pipeline"


def experiment_name(name: str) -> str:
    """The experiment of a submission that names none."""
    short = _EXPERIMENT.sub("-", name).strip("_-")[:_LONGEST_EXPERIMENT]
    return short if len(short) > 2 else "pipelines"


def _steps(surface: Surface, graph: Graph) -> tuple[_Step, tuple[_Step, Registration] | None]:
    steps = [
        _Step(node=node, module=require_module(surface.documents, node.module_id)) for node in graph.module_nodes or ()
    ]
    automl = [step for step in steps if step.module["ModuleExecutionType"] == _AUTOML_EXECUTION]
    if len(automl) != 1:
        names = ", ".join(step.name for step in automl) or "none"
        raise InvalidRequest(f"a pipeline needs exactly one AutoMLStep to run here; this one has {names}.")
    registrations: list[tuple[_Step, Registration]] = []
    for step in steps:
        if step not in automl:
            registration = read_registration(surface, step.module)
            if registration is None or registrations:
                raise _cannot_run(step)
            registrations.append((step, registration))
    return automl[0], registrations[0] if registrations else None


def _cannot_run(step: _Step) -> InvalidRequest:
    kind = step.module.get("StepType") or step.module["ModuleExecutionType"]
    return InvalidRequest(
        f"step {shown(step.name)} ({kind}) cannot be run by the local Azure ML: it runs one AutoMLStep, and after it "
        "the step that registers its best model, as this release of airflow-azureml publishes it. Run other steps on "
        "Azure."
    )


def _settings(step: _Step, experiment: str, dataset: DatasetVersion) -> AutoMLSettings:
    given = [(one.name, one.value) for one in step.node.module_metadata_parameters or ()]
    given += [(one.name, one.default_value) for one in step.interface.metadata_parameters or ()]
    found = next((value for name, value in given if name == _CONFIG and value), None)
    try:
        parent = json.loads(found)  # type: ignore[arg-type]
        settings = json.loads(parent["aml_settings_json_string"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"step {shown(step.name)} has no AutoMLConfig that can be read ({error!r}).") from error
    target = str(settings.get("compute_target") or "")
    return read_settings(settings, experiment=experiment, dataset=dataset, compute_target=target)


def _training_data(surface: Surface, graph: Graph, step: _Step) -> tuple[str, int | None]:
    """Name and version (None: the latest) of the data that the AutoML step reads."""
    datasets = {node.id: node for node in graph.dataset_nodes or ()}
    value = None
    for edge in graph.edges or ():
        source, target = datasets.get(edge.source_output_port.node_id or ""), edge.destination_input_port
        if target.node_id != step.node.id or source is None:
            continue
        if target.port_name != _TRAINING_DATA:
            raise InvalidRequest(
                f"step {shown(step.name)} reads {shown(str(target.port_name))}; AutoML here takes training_data alone."
            )
        value = None if source.data_set_definition is None else source.data_set_definition.value
    if value is None:
        raise InvalidRequest(f"step {shown(step.name)} has no registered dataset as its training_data.")
    try:
        return dataset_of(surface, value)
    except NotFound as error:
        raise InvalidRequest(f"step {shown(step.name)} cannot work: {error}") from error


def _step_node(graph: Graph, step: _Step, name: str) -> StepNode:
    outputs = {
        output.name: output.training_output.training_output_type
        for output in step.interface.outputs or ()
        if output.training_output is not None
    }
    named = {}
    for edge in graph.edges or ():
        source, target = edge.source_output_port, edge.destination_input_port
        if source.node_id == step.node.id and target.graph_port_name and source.port_name in outputs:
            named[target.graph_port_name] = outputs[source.port_name]
    return StepNode(
        step=name,
        node_id=step.node.id,
        module_id=step.module["Id"],
        name=step.name,
        outputs=outputs,
        pipeline_outputs=named,
    )
