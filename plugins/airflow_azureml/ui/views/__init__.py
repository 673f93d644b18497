"""What a page shows, read from the workspace through the seam. No HTML and no Airflow in here."""
