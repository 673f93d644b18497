"""Source code of the steps of published pipelines that are scripts: sent to Azure as it is, never imported here."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).parent / "source"
"""What is sent: this folder and nothing else."""
SCRIPT = "register_model.py"
"""The script in it. The local Azure ML recognises it by its content."""
