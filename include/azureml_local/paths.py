"""Where the local Azure ML keeps its state: the folder layout of docs/architecture.md, and nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from azureml_local.files import TEMPORARY_PREFIX, sweep_temporaries

HOME_VARIABLE = "AZUREML_LOCAL_HOME"
DEFAULT_HOME = Path(".local") / "azureml"
_OUR_PREFIXES = ("server.", "metadata.db", TEMPORARY_PREFIX)


@dataclass(frozen=True)
class Home:
    """The state folder of one local Azure ML."""

    root: Path

    @classmethod
    def resolve(cls, given: str | None = None) -> Home:
        """The folder that was asked for, else `$AZUREML_LOCAL_HOME`, else `.local/azureml` here."""
        return cls(Path(given or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser().absolute())

    def create(self) -> None:
        """Make the folders that are missing. What is in them may be personal data, so only the owner gets in.

        A root that holds other things too (`--home /tmp`, by mistake) keeps its mode: closing it could lock others
        out. Then our folders in it are closed all the same, and the server's umask closes our files.

        :raises OSError: they cannot be made.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours = [self.datasets, self.runs, self.models, self.services, self.temporaries]
        for folder in ours:
            folder.mkdir(exist_ok=True, mode=0o700)
        names = {folder.name for folder in ours} | {self.token_file.name, self.azure_api.name}
        if all(entry.name in names or entry.name.startswith(_OUR_PREFIXES) for entry in self.root.iterdir()):
            ours.append(self.root)
        for folder in ours:
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(0o700)

    def sweep(self) -> int:
        """Remove what an interrupted server left half-made; gives how many files and folders that were.

        Not inside the folders of runs and web services: their processes may live and be at work there. Who looks
        after those processes sweeps when they are gone.
        """
        folders = [self.root, self.datasets, self.runs, self.models, self.services]
        folders += [entry for entry in self.models.iterdir() if entry.is_dir()]
        return sum(sweep_temporaries(folder) for folder in folders)

    @property
    def server_file(self) -> Path:
        """`server.json`: where the running server answers."""
        return self.root / "server.json"

    @property
    def lock_file(self) -> Path:
        """Locked (flock) by the one server of this folder for as long as it lives; holds its pid."""
        return self.root / "server.lock"

    @property
    def token_file(self) -> Path:
        """The control plane's bearer token."""
        return self.root / "token"

    @property
    def database(self) -> Path:
        """`metadata.db`, SQLite."""
        return self.root / "metadata.db"

    @property
    def log_file(self) -> Path:
        """`server.log`."""
        return self.root / "server.log"

    @property
    def output_file(self) -> Path:
        """Standard output and error of a server that was started in the background."""
        return self.root / "server.out"

    @property
    def datasets(self) -> Path:
        """Registered content, one folder per storage key."""
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """`<name>/<version>/`: model packages."""
        return self.root / "models"

    @property
    def services(self) -> Path:
        """One folder per web service."""
        return self.root / "services"

    @property
    def azure_api(self) -> Path:
        """What Azure's own REST surface keeps (`serve --azureml-sdk`)."""
        return self.root / "azure_api"

    @property
    def temporaries(self) -> Path:
        """Temporary files of jobs, one folder per job that runs."""
        return self.root / "tmp"

    def dataset(self, storage_key: str) -> Path:
        """The folder of one registered content."""
        return self.datasets / storage_key

    def run(self, run_id: str) -> Path:
        """The folder of one run."""
        return self.runs / run_id

    def model(self, name: str, version: int) -> Path:
        """The folder of one model version."""
        return self.models / name / str(version)

    def service(self, name: str) -> Path:
        """The folder of one web service."""
        return self.services / name
