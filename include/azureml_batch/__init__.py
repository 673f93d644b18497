"""Batch scoring: the rows of a file through a web service, into one Parquet partition. Knows nothing of Airflow.

`rows` reads, `endpoint` scores, `partition` writes, `output` puts the file in its place, `manifest` remembers what was
done, and `scoring` does it all. Nothing is imported here: most of it needs Arrow.
"""
