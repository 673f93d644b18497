"""Pages of Airflow's own web server that show what the workspace knows. Nothing here is imported by a task."""
