"""What runs in a web service's container on Azure. Nothing here is imported by the adapter: the files are uploaded."""

from __future__ import annotations

from pathlib import Path

ENTRY_SCRIPT = Path(__file__).with_name("automl_score.py")
"""The entry script, by whose bytes the local Azure ML recognises it."""
