"""An Airflow home of the test session's own. Import this before Airflow, which reads its home and settings once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_FOLDER = tempfile.TemporaryDirectory(prefix="azureml-airflow-home-")

AIRFLOW_HOME = Path(_FOLDER.name)

os.environ["AIRFLOW_HOME"] = str(AIRFLOW_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(AIRFLOW_HOME / "plugins")
os.environ["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] = "False"
