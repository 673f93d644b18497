"""The seam between Airflow and Azure ML: one protocol, its records, statuses and errors, and the adapters."""
