"""`python -m azureml_local.automl RUN_DIR`: one AutoML job, as the server starts it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from azureml_local.automl.budget import Budget
from azureml_local.automl.job import JobFolder, JobSpec
from azureml_workspace.errors import WorkspaceError

logger = logging.getLogger("azureml_local.automl")


def main(arguments: list[str]) -> int:
    """Run the job of the folder named; 0 when it completed, 1 when it failed, 2 when called wrongly."""
    started = time.monotonic()
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python -m azureml_local.automl RUN_DIR (an existing folder that holds job.json)\n")
        return 2
    folder = JobFolder(Path(arguments[0]).resolve())
    _die_cleanly_on_sigterm(folder)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    # Before any library that reads it is imported: each process gets its threads from the engine, not from the machine.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Idle OpenMP threads sleep: spinning ones starve the threads they wait for when the machine is busy.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        folder.start()
        _run(folder, folder.read_spec(), started)
    except WorkspaceError as error:
        logger.error("failed: %s", error)  # noqa: TRY400 - the message is for a person, a traceback is not
        folder.fail(str(error))
        return 1
    except Exception as error:
        logger.exception("failed")
        folder.fail(f"AutoML stopped on an error of its own, {type(error).__name__}: {error}. See logs/job.log.")
        return 1
    return 0


def _run(folder: JobFolder, spec: JobSpec, started: float) -> None:
    from azureml_local.automl.workers import prepare_workers

    prepare_workers(
        with_converters=bool(spec.settings.custom_pipelines)
    )  # they import the libraries while this process does
    import pandas as pd

    from azureml_local.automl import engine

    fitted = engine.run(
        pd.read_parquet(spec.data_path),
        spec.columns,
        spec.settings,
        spec.cores,
        folder.append_event,
        folder.scratch / "outputs",
        run_id=spec.run_id,
        scratch_dir=folder.scratch,
        budget=Budget(spec.settings.experiment_timeout_minutes * 60, started),
    )
    folder.complete(fitted.result)


def _die_cleanly_on_sigterm(folder: JobFolder) -> None:
    """Die of SIGTERM at once, leaving neither scratch files nor workers (they end with this process).

    A handler would have to wait until the library call under way returns. So a thread waits for the byte that the
    interpreter writes when the signal comes.
    """
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)

    def wait_for_it() -> None:
        while signal.SIGTERM not in os.read(told, 64):
            pass
        folder.clear()
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=wait_for_it, daemon=True, name="sigterm").start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
