"""The SDK's own native engine, for what a dataflow does beyond reading files and choosing columns.

It runs in a process of its own (`python -m` this module): importing it costs seconds and 150 MB, and it must not be
forked. Files are given to it as local ones, so it needs no credential.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

_SECONDS = 600.0
_MESSAGE = "Error Message: "


def write_parquet(mltable: str, files: Sequence[Path], target: Path) -> None:
    """Write the rows that `mltable` describes, read from `files` instead of its paths, to `target`.

    :raises InvalidRequest: the engine is not installed, or cannot do it; has its words.
    :raises ServiceUnavailable: it did not end within ten minutes.
    """
    document = msgspec.yaml.decode(mltable)
    document["paths"] = [{"file": f"file://{file.resolve()}"} for file in files]
    wanted = {"mltable": msgspec.yaml.encode(document).decode(), "target": str(target)}
    with TemporaryDirectory(dir=target.parent) as home:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", __name__],
                input=json.dumps(wanted),
                capture_output=True,
                text=True,
                cwd=home,
                # No telemetry, and its caches and logs go with the folder.
                env={**os.environ, "HOME": home, "TMPDIR": home, "HBI_WORKSPACE_JOB": "true"},
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ServiceUnavailable(f"the dataset's dataflow did not end within {_SECONDS:.0f} s.") from error
    if ended.returncode != 0:
        raise InvalidRequest(f"the dataset's dataflow cannot be run: {_reason(ended.stderr)}")


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it ended without a word"]
    return next((line.removeprefix(_MESSAGE) for line in lines if line.startswith(_MESSAGE)), lines[-1])


def main() -> None:
    """Run the dataflow that standard input names."""
    from azureml.dataprep import EnginelessDataflow

    wanted = json.load(sys.stdin)
    EnginelessDataflow(wanted["mltable"]).to_pandas_dataframe().to_parquet(wanted["target"])


if __name__ == "__main__":
    main()
