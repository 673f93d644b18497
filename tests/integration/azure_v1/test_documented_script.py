"""The scripts of `docs/sdk-scripts.md` run as they stand there, one after the other."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.azure_server import AzureServer

from azureml_local.paths import Home

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PAGE = Path(__file__).parents[3] / "docs" / "sdk-scripts.md"


def test_they_train_register_and_publish(azure_server: AzureServer, tmp_path: Path) -> None:
    scripts = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "script.py").write_text("\n".join(scripts))
    chance = random.Random(1)
    months = [chance.randint(0, 60) for _ in range(300)]
    rows = [f"{month},{chance.random():.3f},{'yes' if month + chance.gauss(0, 9) < 25 else 'no'}" for month in months]
    (tmp_path / "churn.csv").write_text("\n".join(["months,spent,churned", *rows]) + "\n")
    (tmp_path / "config.json").write_bytes((Home(azure_server.home).azure_api / "config.json").read_bytes())
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=os.environ | azure_server.environment_of_sdk | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "AUC_weighted" in done.stdout
    assert azure_server.workspace().get_model("churn").run_id
    assert any((tmp_path / "azureml").rglob("best_model")), "the pipeline's best model was downloaded"
    assert [pipeline.name for pipeline in azure_server.workspace().list_pipelines("churn")] == ["churn"]
    assert azure_server.token not in done.stdout + done.stderr
