"""Files of runs: their paths from the artifact service, their content from Blob storage through a signed address."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.errors import NotFound
from azureml_workspace.segments import segment

_VERSION = "/artifact/v2.0"


class RunArtifacts:
    """Files by run and path."""

    def __init__(self, azure: AzureConnection) -> None:
        self._azure = azure

    def paths(self, run_id: str) -> Iterator[str]:
        """The paths of a run's files."""
        token: str | None = None
        while True:
            page = self._azure.json(
                "GET",
                "artifact",
                f"/artifacts/{_container(run_id)}",
                prefix=_VERSION,
                query={"continuationToken": token},
            )
            yield from (str(artifact["path"]) for artifact in page["value"])
            token = page.get("continuationToken")
            if not token:
                return

    def read(self, run_id: str, path: str) -> bytes:
        """The content of one file. :raises NotFound:"""
        return self._azure.rest.download(self._address(run_id, path))

    def read_end(self, run_id: str, path: str, count: int) -> bytes:
        """The last `count` bytes of one file, or all of it. :raises NotFound:"""
        return self._azure.rest.download(self._address(run_id, path), last=count)

    def _address(self, run_id: str, path: str) -> str:
        """A signed address, which is a secret. :raises NotFound: no file can have such a path, or none has."""
        # A dot segment would be folded away by the HTTP library and ask for something else.
        if not all(part.strip(".") for part in path.split("/")):
            raise NotFound(f"run {run_id} has no file {path!r}; `list_run_files` lists those it has.")
        place = f"/artifacts/contentinfo/{_container(run_id)}/{quote(path)}"
        return str(self._azure.json("GET", "artifact", place, prefix=_VERSION)["contentUri"])


def _container(run_id: str) -> str:
    return f"ExperimentRun/dcid.{segment('run', run_id)}"
