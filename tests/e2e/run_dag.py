"""Run a DAG file's DAG in real Airflow: `python run_dag.py FILE CONF_JSON OUT_JSON`.

Writes the state of the run and of each task, every XCom, and the asset events.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    dag_file, conf, out = sys.argv[1:]
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=dag_file)
    assert not bag.import_errors, bag.import_errors
    (dag,) = bag.dags.values()
    run = dag.test(run_conf=json.loads(conf))

    from airflow.models.asset import AssetEvent
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)).all()
        xcom: dict[str, dict[str, object]] = {}
        for row in rows:
            xcom.setdefault(row.task_id, {})[row.key] = row.value
        events = [
            {"name": event.asset.name, "uri": event.asset.uri, "extra": event.extra}
            for event in session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id))
        ]
    tasks = {instance.task_id: str(instance.state) for instance in run.get_task_instances()}
    content = {"state": str(run.state), "run_id": run.run_id, "tasks": tasks, "xcom": xcom, "events": events}
    Path(out).write_text(json.dumps(content))


if __name__ == "__main__":
    main()
