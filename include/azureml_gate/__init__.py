"""The gate between a new model (the challenger) and the clients of a web service, and the champion's history.

Everything here works on any workspace and knows nothing of Airflow.
"""
