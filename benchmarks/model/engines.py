"""The engines: each fits one fold in a process of its own and answers for the fold's test rows."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import joblib
import msgspec
import numpy as np
import pandas as pd

from azureml_local.features.frame import encode_frame
from azureml_local.scoring.model import LoadedModel
from azureml_workspace.data.rows import read_rows
from azureml_workspace.records import AutoMLSettings
from benchmarks.common.automl_job import run_job
from benchmarks.common.peer_venv import peer_python, peer_versions
from benchmarks.common.places import digest_of, our_sources
from benchmarks.model.datasets import Dataset
from benchmarks.model.scores import Codes, Floats

HERE = Path(__file__).parent
AUTOGLUON_REQUIREMENTS = HERE / "autogluon-requirements.txt"
LATENCY_CALLS = 300


@dataclass(frozen=True)
class FoldJob:
    """One fit: rows as parquet, the time it may take, a folder for its files, and who it is for."""

    dataset: Dataset
    train: Path
    test: Path
    work: Path
    budget_seconds: float
    seed: int
    cores: int


@dataclass(frozen=True)
class FoldOutcome:
    """`fit_seconds` is what the engine took (ours: the whole process with export, evaluation and explanation; a peer:
    its `fit` call), `process_seconds` the whole process. `predict_ms` is two rows from JSON text to labels.
    `mismatches` of `compared` rows had another label from the exported graph than from Python, None without a graph.
    """

    labels: Codes
    probabilities: Floats
    fit_seconds: float
    process_seconds: float
    predict_ms: float
    detail: str
    mismatches: int | None = None
    compared: int = 0


class Engine(Protocol):
    """An AutoML engine under test."""

    name: str

    def identity(self) -> str:
        """What a cached result depends on: versions, and the source where it is ours."""

    def versions(self) -> str:
        """Versions for people."""

    def fit(self, job: FoldJob) -> FoldOutcome:
        """Fit and predict."""


class Ours:
    """The AutoML of this project, as the local Azure ML runs it."""

    name = "ours"

    def identity(self) -> str:
        return f"{self.versions()} {digest_of(*our_sources('automl', 'features', 'scoring'))}"

    def versions(self) -> str:
        names = ("lightgbm", "xgboost-cpu", "scikit-learn", "onnxruntime", "pandas")
        return ", ".join(f"{name} {version(name)}" for name in names)

    def fit(self, job: FoldJob) -> FoldOutcome:
        settings = AutoMLSettings(
            experiment_name="bench",
            dataset_name=job.dataset.name,
            dataset_version=1,
            label_column_name=job.dataset.label,
            experiment_timeout_minutes=job.budget_seconds / 60,
            max_concurrent_iterations=job.cores,
            seed=job.seed,
        )
        finished = run_job(job.work, job.train, job.dataset.columns, settings, job.cores)
        model = joblib.load(finished.package / "model.pkl")
        served = LoadedModel(finished.package, job.dataset.name, 1)
        test = pd.read_parquet(job.test)
        position = {str(value): code for code, value in enumerate(job.dataset.classes)}
        order = [list(model.classes).index(text) for text in position]
        every_row = pd.concat([pd.read_parquet(job.train), test], ignore_index=True)
        python = model.predict_codes(encode_frame(model.spec, every_row))
        graph = graph_codes(finished.package, encode_frame(model.spec, every_row))
        labels = [position[str(label)] for label in model.predict(test)]
        return FoldOutcome(
            labels=np.array(labels, dtype=np.int64),
            probabilities=model.predict_proba(test)[:, order],
            fit_seconds=finished.seconds,
            process_seconds=finished.seconds,
            predict_ms=_served_ms(served, job),
            detail=f"best child {finished.result.best_algorithm}, {finished.result.child_runs} child runs",
            mismatches=int((python != graph).sum()),
            compared=len(every_row),
        )


class Peer:
    """A peer: a script that runs in its own process, and its own environment where it needs one."""

    def __init__(self, name: str, script: str, packages: tuple[str, ...], requirements: Path | None = None) -> None:
        self.name = name
        self._script = HERE / "peer_scripts" / script
        self._packages = packages
        self._requirements = requirements

    def identity(self) -> str:
        return f"{self.versions()} {digest_of(self._script, self._script.with_name('peer_files.py'))}"

    def versions(self) -> str:
        return peer_versions(self._python(), *self._packages)

    def fit(self, job: FoldJob) -> FoldOutcome:
        job.work.mkdir(parents=True, exist_ok=True)
        told, out = job.work / "job.json", job.work / "outcome"
        told.write_text(
            json.dumps(
                {
                    "train": str(job.train),
                    "test": str(job.test),
                    "label": job.dataset.label,
                    "classes": job.dataset.classes,
                    "budget_seconds": job.budget_seconds,
                    "seed": job.seed,
                    "cores": job.cores,
                    "work": str(job.work / "files"),
                    "out": str(out),
                }
            )
        )
        log = job.work / "log"
        started = time.perf_counter()
        with log.open("wb") as output:
            done = subprocess.run(
                [str(self._python()), str(self._script), str(told)],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": "", "OMP_NUM_THREADS": str(job.cores)},
                timeout=job.budget_seconds * 5 + 300,
                check=False,
            )
        seconds = time.perf_counter() - started
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} failed:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-20:]))
        facts = json.loads(Path(f"{out}.json").read_text())
        with np.load(f"{out}.npz") as saved:
            labels, probabilities = saved["labels"], saved["probabilities"]
        return FoldOutcome(labels=labels, probabilities=probabilities, process_seconds=seconds, **facts)

    def _python(self) -> Path:
        return peer_python(self.name, self._requirements) if self._requirements else Path(sys.executable)


ENGINES: dict[str, Engine] = {
    "ours": Ours(),
    "flaml": Peer("flaml", "fit_flaml.py", ("flaml", "lightgbm", "xgboost-cpu", "scikit-learn")),
    "autogluon": Peer(
        "autogluon",
        "fit_autogluon.py",
        ("autogluon.tabular", "lightgbm", "xgboost-cpu", "catboost", "scikit-learn"),
        AUTOGLUON_REQUIREMENTS,
    ),
}


def graph_codes(package: Path, matrix: Any) -> Codes:
    """The labels of the exported graph, as class positions."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(package / "model.onnx"), providers=["CPUExecutionProvider"])
    codes: Codes = session.run(["label"], {"features": matrix})[0]
    return codes


def _served_ms(served: LoadedModel, job: FoldJob) -> float:
    """Median time of two rows from JSON text to labels, as the web service does it, in milliseconds."""
    rows = [{name: row[name] for name in row if name != job.dataset.label} for row in read_rows(job.test, 2)]
    text = msgspec.json.encode(rows)
    times = []
    for _ in range(LATENCY_CALLS):
        started = time.perf_counter()
        served.score(msgspec.json.decode(text, type=list[msgspec.Raw]), "predict")
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)
