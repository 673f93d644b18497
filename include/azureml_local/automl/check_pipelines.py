"""`python -m azureml_local.automl.check_pipelines`: custom pipelines on standard input, held against scikit-learn.

The input is `{"pipelines": [CustomPipeline, ...], "weighted": bool}`. It exits with 0 when they can be fitted, and with
3 when not; then what is wrong is the only line of the output.
"""

from __future__ import annotations

import sys

import msgspec

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import CustomPipeline

REFUSED = 3


def main() -> int:
    """Check; see the module."""
    from azureml_local.automl.custom_pipeline import check_pipelines

    given = msgspec.json.decode(sys.stdin.buffer.read())
    try:
        check_pipelines(map(CustomPipeline.from_dict, given["pipelines"]), weighted=given["weighted"])
    except InvalidRequest as error:
        sys.stdout.write(str(error))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
