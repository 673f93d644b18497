"""The DAGs that publish the pipeline and trigger it: their schedule, form and wiring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval, TimeRestriction

from mlops_config.bank_marketing import BANK_MARKETING
from mlops_config.retraining import SCHEDULE_VARIABLE, retrain_schedule

pytestmark = pytest.mark.unit

DAGS = Path(__file__).parents[3] / "dags"
PUBLISH, RETRAIN, TRAIN = "bank_marketing_publish_pipeline", "bank_marketing_retrain", "bank_marketing_train"


def parse(dag_id: str) -> DAG:
    bag = DagBag(dag_folder=str(DAGS / f"{dag_id}.py"))
    assert bag.import_errors == {}
    return bag.dags[dag_id]


@pytest.fixture(scope="module")
def publish() -> DAG:
    return parse(PUBLISH)


@pytest.fixture(scope="module")
def retrain() -> DAG:
    return parse(RETRAIN)


def test_wiring(publish: DAG, retrain: DAG) -> None:
    assert publish.get_task("register_dataset").downstream_task_ids == {"publish_pipeline"}
    assert retrain.get_task("trigger_pipeline").downstream_task_ids == {"compare_models"}
    for dag in (publish, retrain):
        assert len(dag.tasks) == 2
        assert DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag)))).task_dict
        assert dag.doc_md
        assert all(task.retries >= 1 for task in dag.tasks)


def test_publishing_runs_only_when_asked(publish: DAG) -> None:
    assert publish.schedule is None
    assert (publish.catchup, publish.max_active_runs) == (False, 1)


def test_retraining_runs_every_four_hours_one_at_a_time_and_starts_paused(retrain: DAG) -> None:
    assert (retrain.catchup, retrain.max_active_runs) == (False, 1)
    assert retrain.is_paused_upon_creation is True
    assert DagSerialization.to_dict(retrain)["dag"]["timetable"]["__var"] == {
        "expression": "0 */4 * * *",
        "timezone": "UTC",
        "interval": 0.0,
        "run_immediately": False,
    }


def test_retraining_waits_without_a_worker_and_tells_the_asset(retrain: DAG) -> None:
    assert retrain.get_task("trigger_pipeline").deferrable is True
    (asset,) = retrain.get_task("compare_models").outlets
    assert (asset.name, asset.uri) == ("bank-marketing-model", "azureml://models/bank-marketing")


def test_a_run_may_last_as_long_as_automl_may(retrain: DAG) -> None:
    longest = retrain.params.get_param("experiment_timeout_minutes").schema["maximum"]
    queue = retrain.get_task("trigger_pipeline").queue_timeout_minutes
    assert retrain.dagrun_timeout.total_seconds() > (longest + queue) * 60


@pytest.mark.parametrize(
    ("now", "last_run", "next_run"),
    [
        ("2026-11-21T10:00", None, "2026-11-21T12:00"),  # unpaused for the first time: the next tick
        ("2026-11-21T12:10", None, "2026-11-21T12:00"),  # ... or the last one, when that is hardly over
        ("2026-11-21T12:10", "2026-11-21T12:00", "2026-11-21T16:00"),
        ("2026-11-23T10:00", "2026-11-21T12:00", "2026-11-23T08:00"),  # unpaused after days: one run, not eleven
    ],
)
def test_no_catch_up(
    retrain: DAG, monkeypatch: pytest.MonkeyPatch, now: str, last_run: str | None, next_run: str
) -> None:
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(retrain)).timetable
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: at(now))
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None if last_run is None else DataInterval.exact(at(last_run)),
        restriction=TimeRestriction(earliest=None, latest=None, catchup=False),
    )
    assert info is not None
    assert info.run_after == at(next_run)


def at(text: str) -> pendulum.DateTime:
    moment = pendulum.parse(text, tz="UTC")
    assert isinstance(moment, pendulum.DateTime)
    return moment


@pytest.mark.parametrize(
    ("given", "schedule"),
    [(None, "0 */4 * * *"), ("", "0 */4 * * *"), ("* * * * *", "* * * * *"), (" @daily ", "@daily"), ("None", None)],
)
def test_the_schedule_is_configuration(
    monkeypatch: pytest.MonkeyPatch, given: str | None, schedule: str | None
) -> None:
    monkeypatch.delenv(SCHEDULE_VARIABLE, raising=False)
    if given is not None:
        monkeypatch.setenv(SCHEDULE_VARIABLE, given)
    assert retrain_schedule() == schedule
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(parse(RETRAIN))).timetable
    assert timetable.summary == {"@daily": "0 0 * * *", None: "None"}.get(schedule, schedule)


@pytest.mark.parametrize(
    ("given", "words"),
    [("every four hours", f"{SCHEDULE_VARIABLE} is 'every four hours'; give a cron"), ("0 25 * * *", "0 25 * * *")],
)
def test_a_bad_schedule_is_an_import_error_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, given: str, words: str
) -> None:
    monkeypatch.setenv(SCHEDULE_VARIABLE, given)
    (error,) = DagBag(dag_folder=str(DAGS / f"{RETRAIN}.py")).import_errors.values()
    assert words in error


def test_the_form_of_publishing_is_that_of_training(publish: DAG) -> None:
    train = parse(TRAIN).params
    shared = [name for name in publish.params if name != "pipeline_name"]
    assert set(train) - set(shared) == {
        "service_name",
        "benchmark_requests",
        "benchmark_concurrency",
        "benchmark_max_p95_ms",
    }
    for name in shared:
        assert publish.params.get_param(name).serialize() == train.get_param(name).serialize()


def test_names_fit_together(publish: DAG, retrain: DAG) -> None:
    train = parse(TRAIN).params
    assert publish.params["pipeline_name"] == retrain.params["pipeline_name"] == BANK_MARKETING.pipeline_name
    assert retrain.params["service_name"] == train["service_name"]


@pytest.mark.parametrize("dag_id", [PUBLISH, RETRAIN])
def test_every_parameter_explains_itself_and_its_default_is_valid(dag_id: str) -> None:
    dag = parse(dag_id)
    dag.params.validate()
    for name in dag.params:
        assert dag.params.get_param(name).schema["title"], name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pipeline_name", "my pipeline"),
        ("experiment_name", "e"),
        ("service_name", "My_Service"),
        ("dataset_version", "newest"),
        ("dataset_version", "0"),
        ("experiment_timeout_minutes", 0),
        ("iterations", 0),
    ],
)
def test_the_form_of_retraining_refuses(retrain: DAG, name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        retrain.params.get_param(name).resolve(value)


@pytest.mark.parametrize(
    ("name", "value"), [("dataset_version", "12"), ("iterations", None), ("experiment_name", None)]
)
def test_the_form_of_retraining_takes(retrain: DAG, name: str, value: Any) -> None:
    assert retrain.params.get_param(name).resolve(value) == value
