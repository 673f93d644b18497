"""The wall time of a run, shared between search and everything that has to come after it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Budget:
    """A wall-time limit that began at `started` (monotonic seconds)."""

    limit_seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds until the limit, negative once it has passed."""
        return self.limit_seconds - self.elapsed
