"""What the DAG file adds to importing `airflow.sdk`, which every parse pays anyway."""
