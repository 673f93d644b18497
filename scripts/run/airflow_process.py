"""The parent's side of the Airflow child: start it, give it its plan, follow its events, stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from scripts.run.airflow_environment import airflow_environment, azureml_connection
from scripts.run.events import Event, EventReader
from scripts.run.layout import Layout

CANCEL_GRACE_SECONDS = 15.0
"""For the task to notice, and for the remote run to be cancelled; then the process is killed."""

EXIT_GRACE_SECONDS = 5.0
"""For Airflow to close its database after the run's last event."""


@dataclass(frozen=True)
class RunFiles:
    """The log and the events of one run."""

    log: Path
    events: Path

    @classmethod
    def create(cls, layout: Layout) -> RunFiles:
        """New names, by the clock."""
        layout.logs.mkdir(parents=True, exist_ok=True)
        name = time.strftime("run-%Y%m%d-%H%M%S")
        return cls(log=layout.logs / f"{name}.log", events=layout.logs / f"{name}.events.jsonl")


class AirflowProcess:
    """A child with a session of its own, so that Ctrl-C reaches the parent alone, which then cancels in order."""

    def __init__(self, layout: Layout, files: RunFiles) -> None:
        self._layout = layout
        self._files = files
        self._events = EventReader(files.events)
        with files.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "scripts.run.airflow_child", str(files.events)],
                env=airflow_environment(layout, os.environ),
                cwd=layout.root,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )
        self._stdin = cast("IO[str]", self._child.stdin)

    def give_plan(self, url: str, conf: dict[str, Any]) -> None:
        """Let the DAG start, against the workspace at `url`. A child that is gone is noticed by `is_alive`."""
        plan = {
            "url": url,
            "token_file": str(self._layout.token_file),
            "connection": azureml_connection(self._layout, url),
            "conf": conf,
        }
        with suppress(BrokenPipeError):
            self._stdin.write(json.dumps(plan) + "\n")
            self._stdin.flush()

    def events(self) -> list[Event]:
        """What happened since the last look."""
        return self._events.read()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    @property
    def end_reason(self) -> str:
        """How it ended: the signal, or the exit code and the last words of its log."""
        code = self._child.returncode
        if code < 0:
            return f"the Airflow process was killed by {signal.Signals(-code).name}"
        lines = self._files.log.read_text(errors="replace").strip().splitlines()
        return f"the Airflow process ended with exit code {code}: {lines[-1][:300] if lines else 'it said nothing'}"

    @property
    def where_to_look(self) -> str:
        """The log."""
        return f"Log: {self._layout.shown(self._files.log)}"

    def cancel(self) -> None:
        """Ask the running task to stop, as Airflow does when a person stops it."""
        if self.is_alive:
            self._child.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it, whatever it does."""
        if self.is_alive:
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def end(self) -> None:
        """Let it go once it has said its last word: closing its input tells one that waits for a plan to leave."""
        with suppress(BrokenPipeError):
            self._stdin.close()
        try:
            self._child.wait(EXIT_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
