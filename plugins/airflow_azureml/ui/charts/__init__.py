"""Charts of the pages: Vega-Lite specifications made of figures, and drawn as SVG. No Airflow and no workspace here."""
