"""Files and logs of runs."""

from __future__ import annotations

from functools import cached_property

from azureml_workspace.azure_v1.artifacts import RunArtifacts
from azureml_workspace.azure_v1.runs import RunCalls
from azureml_workspace.errors import NotFound

_TAIL_BYTES = 1024 * 1024


class RunFileCalls(RunCalls):
    """See `azureml_workspace.protocol.Workspace` for what each method promises.

    Azure keeps the model, its scoring script and its environment with the best child. They are shown as files of the
    AutoML run too, which is the run that people know; a file of the same path of its own comes first.
    """

    @cached_property
    def _artifacts(self) -> RunArtifacts:
        return RunArtifacts(self._azure)

    def list_run_files(self, run_id: str) -> list[str]:
        """Own files, and those of the best child."""
        return sorted({path for holder in self._holders(run_id) for path in self._artifacts.paths(holder)})

    def read_run_file(self, run_id: str, path: str) -> bytes:
        """Read one file, through a signed address."""
        holders = self._holders(run_id)
        for holder in holders[:-1]:
            try:
                return self._artifacts.read(holder, path)
            except NotFound:
                continue
        return self._artifacts.read(holders[-1], path)

    def run_log(self, run_id: str, path: str, *, tail: int = 200) -> str:
        """The last lines of the log's last megabyte."""
        self._history.get(run_id)
        content = self._artifacts.read_end(run_id, path, _TAIL_BYTES)
        lines = content.decode("utf-8", errors="replace").splitlines()
        return "\n".join(lines[-tail:] if tail > 0 else [])

    def _holders(self, run_id: str) -> list[str]:
        """The runs whose files are those of this run. :raises NotFound:"""
        best = self._history.best_child(self._history.get(run_id))
        return [run_id, best] if best else [run_id]
