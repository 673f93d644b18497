"""What a peer's script is told and what it leaves, without any import of ours: it runs in an environment of its own.

Told: a JSON file with `train` and `test` (parquet), `label`, `classes`, `budget_seconds`, `seed`, `cores`, `work` (a
folder for its files) and `out`. It leaves `<out>.npz` (`labels`: class positions, `probabilities`: [rows, classes]) and
`<out>.json` (`fit_seconds`, `predict_ms` of two rows from JSON text, `detail`).
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

LATENCY_CALLS = 30


def read_job():
    """The job named on the command line, with its two frames. Text columns become plain objects for any pandas."""
    job = json.loads(Path(sys.argv[1]).read_text())
    frames = []
    for name in ("train", "test"):
        frame = pd.read_parquet(job[name])
        texts = [column for column in frame if not pd.api.types.is_numeric_dtype(frame[column].dtype)]
        frames.append(frame.astype(dict.fromkeys(texts, object)))
    return job, *frames


def predict_ms(test, label, predict):
    """Median time of scoring two rows that arrive as JSON text, in milliseconds."""
    text = test.drop(columns=[label]).head(2).to_json(orient="records")
    predict(pd.DataFrame(json.loads(text)))
    times = []
    for _ in range(LATENCY_CALLS):
        started = time.perf_counter()
        predict(pd.DataFrame(json.loads(text)))
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def write_outcome(job, labels, probabilities, facts):
    """Leave the predictions and the facts. `labels` are class values, in any type that compares equal to them."""
    position = {str(value): code for code, value in enumerate(job["classes"])}
    codes = np.array([position[str(label)] for label in labels], dtype=np.int64)
    np.savez(job["out"] + ".npz", labels=codes, probabilities=np.asarray(probabilities, dtype=np.float64))
    Path(job["out"] + ".json").write_text(json.dumps(facts))
