"""`make run`: start the local Azure ML, run the DAG in real Airflow, show how it goes, and say what came out.

Airflow is loaded by a child process alone (`airflow_child`), which reports through events; this side stays light.
"""
