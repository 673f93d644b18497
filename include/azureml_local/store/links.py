"""Where the objects of this workspace can be looked at. Made when they are asked for: the port may change."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Links:
    """Addresses below the server's own. They are routes of the API and want the bearer token."""

    base_url: str

    def profile(self, dataset: str, version: int) -> str:
        """A dataset version's profile."""
        return f"{self.base_url}/v1/datasets/{quote(dataset)}/versions/{version}/profile"

    def run(self, run_id: str) -> str:
        """A run."""
        return f"{self.base_url}/v1/runs/{quote(run_id)}"
