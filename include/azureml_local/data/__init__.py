"""From a delimited text file to typed data: `data.parquet`, a schema and `profile.json`.

`text` refuses what is not delimited text, `header` reads the names, `records` walks the rows, `kinds` decides and
converts column kinds, `profiling` describes the result (`profile`), `ingestion` does it all in bounded memory, and
`rows` reads typed data back.
"""

from azureml_local.data.ingestion import IngestedData, ingest
from azureml_local.data.profile import ColumnProfile, DataProfile, MixedTypes, NumberSummary, ValueCount
from azureml_local.data.rows import label_counts, read_rows

__all__ = [
    "ColumnProfile",
    "DataProfile",
    "IngestedData",
    "MixedTypes",
    "NumberSummary",
    "ValueCount",
    "ingest",
    "label_counts",
    "read_rows",
]
