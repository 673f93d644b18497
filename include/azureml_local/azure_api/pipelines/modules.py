"""Data types, data sources, and modules: what a step consists of and reads.

Kept as the SDK sends them; what runs is decided by the graph.
"""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object, read
from azureml_local.azure_api.documents import Document, Documents
from azureml_local.azure_api.pipelines.entities import entity
from azureml_local.azure_api.pipelines.wire import NewDataType, NewModule, Parameter, StructuredInterface
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import NotFound
from azureml_workspace.texts import shown

_MODULE, _HASH, _DATA_TYPE = "pipeline-module", "pipeline-module-hash", "pipeline-data-type"
_SOURCE, _SOURCE_HASH = "pipeline-data-source", "pipeline-data-source-hash"
_FILES = (
    "AnyFile",
    "AzureBlobReference",
    "AzureDataLakeReference",
    "AzureFilesReference",
    "AzureSqlDatabaseReference",
    "AzurePostgresDatabaseReference",
    "AzureDataLakeGen2Reference",
    "AzureMLDataset",
    "AzureMySqlDatabaseReference",
    "DBFSReference",
    "TrainingOutput",
)
_FOLDERS = ("AnyDirectory", "FileDataset", "TabularDataset")
_KEPT = (
    "Name",
    "Hash",
    "Description",
    "IsDeterministic",
    "ModuleExecutionType",
    "ModuleType",
    "IdentifierHash",
    "StructuredInterface",
    "StorageId",
    "Properties",
    "Category",
    "Runconfig",
    "StepType",
)


def routes(surface: Surface) -> list[Route]:
    """`DataTypes` and `Modules`."""
    documents = surface.documents

    def data_types(_: Request) -> Response:
        return JSONResponse([*_own_data_types(), *documents.list_all(_DATA_TYPE)])

    def add_data_type(_: Request, body: Any) -> Document:
        wanted = read(body, NewDataType)
        key = wanted.id or wanted.name
        document = {**entity(key), "Name": key, "ParentDataTypeIds": [], **body, "Id": key}
        documents.put(_DATA_TYPE, key, document)
        return document

    def add_module(_: Request, body: Any) -> Document:
        return _add(documents, body)

    def read_module(request: Request) -> Response:
        return JSONResponse(_with_interface(require_module(documents, request.path_params["id"])))

    def find_module(request: Request) -> Response:
        found = _require(documents, _HASH, request.path_params["hash"])
        return JSONResponse(_with_interface(require_module(documents, found["Id"])))

    def add_source(_: Request, body: Any) -> Document:
        body = as_object(body)
        key = str(uuid.uuid4())
        source = {**entity(key), **body, "Id": key, "UploadState": "Completed"}
        documents.put(_SOURCE, key, source)
        documents.put(_SOURCE_HASH, str(body.get("IdentifierHash")), {"Id": key})
        return source

    def read_source(request: Request) -> Response:
        return JSONResponse(_require(documents, _SOURCE, request.path_params["id"]))

    def find_source(request: Request) -> Response:
        found = _require(documents, _SOURCE_HASH, request.path_params["hash"])
        return JSONResponse(_require(documents, _SOURCE, found["Id"]))

    return [
        Route("/pipelines/DataSources", answering(add_source), methods=["POST"]),
        Route("/pipelines/DataSources/Hash/{hash}", find_source),
        Route("/pipelines/DataSources/{id}", read_source),
        Route("/pipelines/DataTypes", data_types),
        Route("/pipelines/DataTypes", answering(add_data_type), methods=["POST"]),
        Route("/pipelines/Modules", answering(add_module), methods=["POST"]),
        Route("/pipelines/Modules/Hash/{hash}", find_module),
        Route("/pipelines/Modules/{id}", read_module),
    ]


def require_module(documents: Documents, key: str) -> Document:
    """:raises NotFound:"""
    return _require(documents, _MODULE, key)


def _require(documents: Documents, kind: str, key: str) -> Document:
    """:raises NotFound:"""
    found = documents.find(kind, key)
    if found is None:
        raise NotFound(f"there is no {kind.replace('-', ' ')} {shown(key)}.")
    return found


def _add(documents: Documents, body: dict[str, Any]) -> Document:
    read(body, NewModule)
    key = str(uuid.uuid4())
    module = {
        **entity(key),
        **{name: body.get(name) for name in _KEPT},
        "UploadState": "Completed",
        "tags": body.get("KvTags") or {},
    }
    documents.put(_MODULE, key, module)
    identifier = body.get("IdentifierHash")
    if identifier:
        documents.put(_HASH, str(identifier), {"Id": key})
    return module


def _own_data_types() -> list[Document]:
    named = [(name, False) for name in _FILES] + [(name, True) for name in _FOLDERS]
    return [
        {**entity(name), "Name": name, "Description": name, "IsDirectory": folder, "ParentDataTypeIds": []}
        for name, folder in named
    ]


def _with_interface(module: Document) -> Document:
    """A module with the ports and parameters that follow from its structured interface."""
    structured = read(module["StructuredInterface"] or {}, StructuredInterface)
    inputs = [
        {"Name": port.name, "DataTypesIds": port.data_type_ids_list or [], "IsOptional": port.is_optional}
        for port in structured.inputs or ()
    ]
    outputs = [{"Name": port.name, "DataTypeId": port.data_type_id} for port in structured.outputs or ()]
    return {
        "Data": module,
        "Interface": {
            "Parameters": _parameters(structured.parameters),
            "MetadataParameters": _parameters(structured.metadata_parameters),
            "DataPathParameters": [],
            "DataPathParameterList": [],
            "Ports": {"Inputs": inputs, "Outputs": outputs},
        },
    }


def _parameters(given: list[Parameter] | None) -> list[Document]:
    return [
        {
            "Name": parameter.name,
            "DefaultValue": parameter.default_value,
            "IsOptional": parameter.is_optional,
            "Type": "String",
            "MinMaxRules": [],
            "EnumRules": [],
        }
        for parameter in given or ()
    ]
