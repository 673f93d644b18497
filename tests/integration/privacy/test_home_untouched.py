"""Importing what our processes import leaves nothing in the user's home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "code",
    [
        "import azureml_local, onnxruntime",
        "from azureml_local.automl import engine, onnx_export; import onnxruntime, skl2onnx, onnxmltools, flaml",
        "import azureml_local.scoring.process, onnxruntime",
    ],
)
def test_nothing_is_written_to_the_home_folder(code: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": ""}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, timeout=120)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == []
