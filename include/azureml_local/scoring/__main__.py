"""`python -m azureml_local.scoring SERVICE_DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from azureml_local.scoring.process import run_service

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m azureml_local.scoring", description="Run one web service.")
    parser.add_argument("service_dir", type=Path, help="folder with service.json and keys.json")
    sys.exit(run_service(parser.parse_args().service_dir))
