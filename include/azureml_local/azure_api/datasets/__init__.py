"""Datasets as the SDK registers and reads them.

`dataflow` reads and writes the MLTable documents that describe where data is and how it is read; `contents` brings what
they describe into the engine; `catalog` keeps names, versions and saved ids; `routes` speaks HTTP.
"""

from azureml_local.azure_api.datasets.catalog import engine_dataset

__all__ = ["engine_dataset"]
