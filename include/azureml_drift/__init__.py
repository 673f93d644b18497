"""How far the distribution of a column has moved between two sets of rows. Knows no workspace and no Airflow."""
