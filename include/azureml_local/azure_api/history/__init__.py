"""Run history: experiments and runs, those of the engine and those that SDK scripts make themselves.

`experiments` and `runs` know what there is, `shapes` writes the engine's runs as Azure does, `filters` reads the OData
filters of queries, `routes` speaks HTTP. Other modules need `RunHistory`.
"""

from azureml_local.azure_api.history.routes import routes
from azureml_local.azure_api.history.runs import RunHistory

__all__ = ["RunHistory", "routes"]
