"""A DAG with the name and the tasks of the real one, whose tasks need no workspace.

`conf`: {"fail": TASK} makes a task fail for good, {"flaky": TASK} makes it fail once, {"wait": TASK} makes it wait
until it is stopped.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, BaseOperator, Context, chain

TASKS = ("register_dataset", "automl_run", "deploy", "enable_insights", "smoke_score", "benchmark")


class Fake(BaseOperator):
    """Does what the run's configuration says."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """The task's name."""
        conf = dict(context["params"])
        if conf.get("fail") == self.task_id:
            raise ValueError(f"{self.task_id} cannot work")
        if conf.get("flaky") == self.task_id and context["ti"].try_number == 1:
            raise ConnectionError("not yet")
        while conf.get("wait") == self.task_id:
            if self._killed:
                raise RuntimeError("told to stop")
            time.sleep(0.02)
        return {"name": self.task_id, "data": conf["data_path"]}

    def on_kill(self) -> None:
        """Remember it."""
        self._killed = True


with DAG(
    "bank_marketing_train",
    schedule=None,
    params={"data_path": "", "fail": "", "flaky": "", "wait": ""},
    default_args={"retry_delay": timedelta(seconds=0)},
):
    chain(*(Fake(task_id=name, retries=0 if name == "deploy" else 1) for name in TASKS))
