"""From a delimited text file to typed data: `data.parquet`, a schema and `profile.json`.

`text` refuses what is not delimited text, `header` reads the names, `records` walks the rows, `kinds` decides and
converts column kinds, `profiling` describes the result (`profile`), `ingestion` does it all in bounded memory, and
`rows` reads typed data back. Both the local Azure ML and the adapter for Azure register data this way.

Nothing is imported here: most of it needs Arrow, which not everybody who needs one of these modules should load.
"""
