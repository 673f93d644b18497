"""What `make run` was asked for, checked before anything is started."""

from __future__ import annotations

import argparse
import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from airflow_azureml.addresses import shown
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import (
    PRIMARY_METRICS,
    validate_dataset_name,
    validate_experiment_name,
    validate_service_name,
)

SHORTEST_NAME, LONGEST_NAME = 3, 32
"""Characters of a web service's name, as Azure has it."""

LONGEST_TIME = 24 * 60
"""Minutes."""

MOST_REQUESTS, MOST_AT_ONCE = 1_000_000, 256
"""Of the benchmark; the limits of the DAG's parameters."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """None everywhere means: what the DAG has as its default. `time` is the AutoML limit in minutes."""

    data: str | None = None
    label: str | None = None
    separator: str | None = None
    encoding: str | None = None
    exclude: str | None = None
    metric: str | None = None
    time: float | None = None
    dataset: str | None = None
    experiment: str | None = None
    service: str | None = None
    requests: int | None = None
    concurrency: int | None = None

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> RunOptions:
        """The options on the command line; `make run NAME=value` passes them as `--name=value`."""
        parser = argparse.ArgumentParser(prog="make run", description="A CSV to a benchmarked web service.")
        parser.add_argument("--data", help="CSV file, or an address (http, https, wasbs, abfs)")
        parser.add_argument("--label", help="the column to predict")
        parser.add_argument("--separator", help="one character, or \\t for a tab; default a comma")
        parser.add_argument("--encoding", help="a Python codec name such as cp1252; default utf-8")
        parser.add_argument("--exclude", help="columns no model may see, separated by commas")
        parser.add_argument("--metric", help=f"what AutoML makes best: {', '.join(PRIMARY_METRICS)}")
        parser.add_argument("--time", type=float, help="AutoML limit in minutes; default 1")
        parser.add_argument("--dataset", help="name to register the data under")
        parser.add_argument("--experiment", help="name of the experiment")
        parser.add_argument("--service", help="name of the web service")
        parser.add_argument("--requests", type=int, help="requests of the benchmark")
        parser.add_argument("--concurrency", type=int, help="requests at once in the benchmark")
        options = cls(**vars(parser.parse_args(arguments)))
        options.validate()
        return options

    def validate(self) -> None:
        """:raises InvalidRequest: names the first value that cannot work and what to do."""
        self._validate_data()
        self._validate_names()
        if self.metric is not None and self.metric not in PRIMARY_METRICS:
            raise InvalidRequest(f"METRIC is {self.metric!r}; choose one of {', '.join(PRIMARY_METRICS)}.")
        if self.time is not None and not 0.1 <= self.time <= LONGEST_TIME:
            raise InvalidRequest(f"TIME is {self.time:g} minutes; give 0.1 (six seconds) to {LONGEST_TIME} (one day).")
        self._validate_benchmark()

    def _validate_data(self) -> None:
        if self.data is not None:
            if not self.data:
                raise InvalidRequest("DATA is empty; give a path: make run DATA=path.csv LABEL=column_to_predict")
            if self.is_remote:
                _check_address(self.data)
            else:
                _check_file(Path(self.data))
        if self.separator is not None and self.separator != r"\t" and len(self.separator) != 1:
            raise InvalidRequest(
                f"SEPARATOR is {self.separator!r}; give one character, for example SEPARATOR=';', or '\\t' for a tab."
            )

        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, ValueError) as error:
                raise InvalidRequest(
                    f"ENCODING is {self.encoding!r}, which Python does not know; for example ENCODING=cp1252 or utf-16."
                ) from error

    def _validate_names(self) -> None:
        for name, validate in (
            (self.dataset, validate_dataset_name),
            (self.experiment, validate_experiment_name),
            (self.service, validate_service_name),
        ):
            if name is not None:
                validate(name)

    def _validate_benchmark(self) -> None:
        for name, most in (("requests", MOST_REQUESTS), ("concurrency", MOST_AT_ONCE)):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise InvalidRequest(f"{name.upper()} is {value}; give 1 to {most:,}.")
        if self.requests is not None and self.concurrency is not None and self.concurrency > self.requests:
            raise InvalidRequest(
                f"CONCURRENCY is {self.concurrency} and REQUESTS is {self.requests}; "
                "there must be at least one request for each connection."
            )

    @property
    def is_remote(self) -> bool:
        """Whether DATA is an address rather than a file."""
        return self.data is not None and "://" in self.data

    @property
    def own_name(self) -> str | None:
        """A name out of the file's, for data of the user's own; data without a LABEL is taken for Bank Marketing data.

        So that another CSV gets a service of its own, and does not replace the example's.
        """
        if self.data is None or self.label is None:
            return None
        stem = PurePosixPath(urlsplit(self.data).path if self.is_remote else self.data).stem
        words = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
        name = words if words[:1].isalpha() else f"data-{words}".rstrip("-")
        return (name if len(name) >= SHORTEST_NAME else f"{name}-data")[:LONGEST_NAME].rstrip("-")

    def run_conf(self, data_path: str) -> dict[str, Any]:
        """The DAG run's parameters; what was not asked for is left to the DAG's defaults."""
        conf = {
            "data_path": data_path,
            "label": self.label,
            "separator": self.separator,
            "encoding": self.encoding,
            "exclude_columns": self.exclude and [name.strip() for name in self.exclude.split(",") if name.strip()],
            "primary_metric": self.metric,
            "experiment_timeout_minutes": self.time,
            "dataset_name": self.dataset or self.own_name,
            "experiment_name": self.experiment or self.own_name,
            "service_name": self.service or self.own_name,
            "benchmark_requests": self.requests,
            "benchmark_concurrency": self.concurrency,
        }
        return {name: value for name, value in conf.items() if value is not None}


def _check_address(uri: str) -> None:
    try:
        urlsplit(uri)
    except ValueError as error:
        raise InvalidRequest(f"DATA is {shown(uri)!r}, which is not a valid address: {error}.") from error


def _check_file(path: Path) -> None:
    if not path.exists():
        near = ", ".join(sorted(entry.name for entry in path.parent.glob("*.csv"))[:5]) if path.parent.is_dir() else ""
        hint = f" In {path.parent} there is: {near}." if near else " Check the path."
        raise InvalidRequest(f"DATA is {str(path)!r}, and there is no such file.{hint}")
    if path.is_dir():
        raise InvalidRequest(f"DATA is {str(path)!r}, a folder; give one CSV file.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InvalidRequest(f"DATA is {str(path)!r}, which cannot be read: {error.strerror}.") from error
    if empty:
        raise InvalidRequest(f"DATA is {str(path)!r}, an empty file; give a CSV with a header and rows.")
