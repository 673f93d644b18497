"""Pipelines: modules and graphs as the SDK writes them, published pipelines, their endpoints, schedules and runs.

`modules` and `graphs` keep what the SDK sends, `compiling` makes of a graph what the engine runs, `published`,
`endpoints`, `schedules` and `runs` speak of the engine's pipelines in Azure's words; `scheduler` submits what is due.
Other modules need `nodes_of`.
"""

from azureml_local.azure_api.pipelines.graphs import StepNode, nodes_of
from azureml_local.azure_api.pipelines.routes import routes
from azureml_local.azure_api.pipelines.scheduler import Scheduler

__all__ = ["Scheduler", "StepNode", "nodes_of", "routes"]
