"""Example configuration: what the DAGs in `dags/` are pointed at by default."""
