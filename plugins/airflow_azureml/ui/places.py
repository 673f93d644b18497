"""What a page is about: a task instance or a DAG run, and how addresses name it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class TaskPlace:
    """A task instance of a DAG whose XComs the caller may read. `map_index` is -1 for a task that is not mapped.

    `reads_logs` tells whether the caller may read the logs of the DAG's tasks, too.
    """

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: int
    reads_logs: bool

    @property
    def query(self) -> dict[str, str]:
        """How a page's address names it."""
        names = {"dag_id": self.dag_id, "dag_run_id": self.dag_run_id, "task_id": self.task_id}
        return names | ({"map_index": str(self.map_index)} if self.map_index >= 0 else {})

    @property
    def path(self) -> str:
        """Its page in Airflow's UI, below the root."""
        dag, run, task = (quote(name, safe="") for name in (self.dag_id, self.dag_run_id, self.task_id))
        mapped = f"/mapped/{self.map_index}" if self.map_index >= 0 else ""
        return f"/dags/{dag}/runs/{run}/tasks/{task}{mapped}"


@dataclass(frozen=True, kw_only=True)
class RunPlace:
    """A run of a DAG whose XComs the caller may read; `reads_logs` as for a task."""

    dag_id: str
    dag_run_id: str
    reads_logs: bool

    @property
    def query(self) -> dict[str, str]:
        """How a page's address names it."""
        return {"dag_id": self.dag_id, "dag_run_id": self.dag_run_id}

    @property
    def path(self) -> str:
        """Its page in Airflow's UI, below the root."""
        return f"/dags/{quote(self.dag_id, safe='')}/runs/{quote(self.dag_run_id, safe='')}"
