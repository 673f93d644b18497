"""Watching a web service that clients use: what they send, how it answers, and how good its model still is.

`settings` says what is asked, `watch` looks and judges, `record` is what is kept of it, and `retraining` sees to it
that a new training is asked for once. Works on any workspace and knows nothing of Airflow.
"""
