"""Where `make run` keeps its files: all in the checkout's `.local` folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The files and folders of one checkout."""

    root: Path

    @classmethod
    def here(cls) -> Layout:
        """The checkout this file belongs to."""
        return cls(Path(__file__).resolve().parents[2])

    @property
    def local(self) -> Path:
        """The ignored folder that holds all state."""
        return self.root / ".local"

    @property
    def azureml_home(self) -> Path:
        """State of the local Azure ML."""
        return self.local / "azureml"

    @property
    def token_file(self) -> Path:
        """The control plane's bearer token."""
        return self.azureml_home / "token"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME: configuration, the SQLite database."""
        return self.local / "airflow"

    @property
    def migrated(self) -> Path:
        """Names the Airflow version whose schema the database has; there once a migration came to its end."""
        return self.airflow_home / "migrated"

    @property
    def logs(self) -> Path:
        """One log and one file of events per run."""
        return self.local / "logs"

    @property
    def dags(self) -> Path:
        """The DAG files."""
        return self.root / "dags"

    @property
    def airflow_settings(self) -> Path:
        """The folder of `airflow_local_settings`, which Airflow imports when it starts."""
        return self.root / "scripts" / "airflow_settings"

    @property
    def data(self) -> Path:
        """Where downloaded or generated data is kept."""
        return self.local / "data"

    @property
    def last_run(self) -> Path:
        """The result of the last run, for programs."""
        return self.local / "last_run.json"

    @property
    def reports(self) -> Path:
        """A file per run to look at, keep and send."""
        return self.local / "reports"

    @property
    def sample_request(self) -> Path:
        """The body that the printed curl line sends."""
        return self.local / "sample_request.json"

    def shown(self, path: Path) -> str:
        """The path as a person standing in the checkout would write it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
