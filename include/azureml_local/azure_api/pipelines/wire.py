"""What clients send to the pipelines service, as far as it is looked into here. Other fields are kept unseen."""

from __future__ import annotations

from typing import Any

from azureml_local.azure_api.bodies import PascalBody


class Port(PascalBody):
    """One end of an edge: a port of a node, or one of the whole graph."""

    node_id: str | None = None
    port_name: str | None = None
    graph_port_name: str | None = None


class Edge(PascalBody):
    """From an output to an input."""

    source_output_port: Port
    destination_input_port: Port


class Value(PascalBody):
    """The value of a step's parameter."""

    name: str
    value: Any = None


class ModuleNode(PascalBody):
    """A step."""

    id: str
    module_id: str
    module_metadata_parameters: list[Value] | None = None


class DataSetDefinition(PascalBody):
    """What a dataset's node stands for."""

    value: dict[str, Any] | None = None


class DatasetNode(PascalBody):
    """A dataset that steps read."""

    id: str
    data_set_definition: DataSetDefinition | None = None


class Graph(PascalBody):
    """A pipeline's graph."""

    module_nodes: list[ModuleNode] | None = None
    dataset_nodes: list[DatasetNode] | None = None
    edges: list[Edge] | None = None


class TrainingOutput(PascalBody):
    """What of AutoML's results an output is."""

    training_output_type: str


class Output(PascalBody):
    """A step's output."""

    name: str
    data_type_id: str | None = None
    training_output: TrainingOutput | None = None


class Input(PascalBody):
    """A step's input."""

    name: str
    data_type_ids_list: list[str] | None = None
    is_optional: bool | None = None


class Parameter(PascalBody):
    """A parameter of a step, or of a graph."""

    name: str
    default_value: Any = None
    is_optional: bool | None = None


class Argument(PascalBody):
    """One word of a script's command line."""

    value: Any = None


class StructuredInterface(PascalBody):
    """What a step takes and gives."""

    inputs: list[Input] | None = None
    outputs: list[Output] | None = None
    parameters: list[Parameter] | None = None
    metadata_parameters: list[Parameter] | None = None
    arguments: list[Argument] | None = None


class GraphInterface(PascalBody):
    """What a whole graph takes."""

    parameters: list[Parameter] | None = None


class NewDataType(PascalBody):
    """A data type."""

    name: str
    id: str | None = None


class NewModule(PascalBody):
    """A step's module."""

    name: str
    module_execution_type: str
    structured_interface: StructuredInterface | None = None


class NewPipeline(PascalBody):
    """A publication."""

    graph: Graph
    name: str | None = None
    description: str | None = None
    version: str | None = None
    graph_interface: GraphInterface | None = None


class NewRun(PascalBody):
    """A run of a graph that is not published."""

    graph: Graph
    graph_interface: GraphInterface | None = None
    creation_info: dict[str, Any] | None = None


class EndpointVersion(PascalBody):
    """One version of a pipeline endpoint."""

    version: str | int
    pipeline_id: str


class ChangedEndpoint(PascalBody):
    """A pipeline endpoint as it is to be."""

    name: str | None = None
    description: str | None = None
    entity_status: str | int | None = None
    default_version: str | int | None = None
    pipeline_version_list: list[EndpointVersion] | None = None
