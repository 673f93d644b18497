"""Custom pipelines are refused at the submission already, by a process that may import scikit-learn."""

from __future__ import annotations

import logging
import subprocess
import sys

import msgspec

from azureml_local.automl.check_pipelines import REFUSED
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import UNWEIGHTED, AutoMLConfig

SECONDS = 30.0
"""What the check takes at most: a second when the machine is idle, for it imports scikit-learn."""

logger = logging.getLogger(__name__)


def check_custom_pipelines(config: AutoMLConfig) -> None:
    """Hold the pipelines of `config` against the installed scikit-learn, which the server itself never imports.

    When that cannot be done the job does it, whose first work is the same check.

    :raises InvalidRequest: a class, a parameter or the order of the steps is wrong.
    """
    if not config.custom_pipelines:
        return
    content = {
        "pipelines": [pipeline.to_dict() for pipeline in config.custom_pipelines],
        "weighted": config.class_weights != UNWEIGHTED,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "azureml_local.automl.check_pipelines"],
            input=msgspec.json.encode(content),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("custom pipelines could not be checked, their job will do it: %s", error)
        return
    if done.returncode == REFUSED:
        raise InvalidRequest(done.stdout.decode(errors="replace").strip())
    if done.returncode != 0:
        logger.warning(
            "custom pipelines could not be checked, their job will do it: exit code %d, %s",
            done.returncode, done.stderr.decode(errors="replace")[-500:],
        )  # fmt: skip
