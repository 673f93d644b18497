"""Data that arrives in drops: where they are, whether they are good, and what became of each.

A drop is a CSV (or a folder of CSVs) under a path pattern, with a date or another key. Everything here works on any
workspace and knows nothing of Airflow.
"""
