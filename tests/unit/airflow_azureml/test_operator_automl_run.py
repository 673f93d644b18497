from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.airflow_azureml.conftest import NOW, FakeWorkspace, TaskContext, progress, unavailable

from airflow_azureml._waiting import TaskStopped, WaitTimeout
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from azureml_workspace.errors import InvalidRequest, RunFailed, ServiceUnavailable, Throttled
from azureml_workspace.records import ModelVersion
from azureml_workspace.statuses import RunStatus

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("clock")]

OWN = {
    "name": "own",
    "steps": [
        {"estimator": "sklearn.preprocessing.StandardScaler", "params": {}},
        {"estimator": "sklearn.svm.SVC", "params": {"probability": True}},
    ],
}
DATASET = {"name": "bank", "version": 2, "fingerprint": "sha256:00"}


def operator(**given: Any) -> AzureMLAutoMLRunOperator:
    arguments: dict[str, Any] = {"dataset": DATASET, "label_column_name": "y", "experiment_name": "bank-exp"} | given
    return AzureMLAutoMLRunOperator(task_id="automl_run", **arguments)


def test_result_is_small_json_with_the_figures(workspace: FakeWorkspace, context: TaskContext) -> None:
    result = operator().execute(context)  # type: ignore[arg-type]
    assert result["run_id"] == "run-1"
    assert result["best_algorithm"] == "VotingEnsemble"
    assert result["metrics"]["AUC_weighted"] == 0.9512
    assert result["validation"] == "5-fold cross-validation"
    assert result["model"] == {"name": "bank-exp", "version": 4}
    assert result["dataset"] == {"name": "bank", "version": 2}
    assert result["findings_count"] == 40
    assert len(json.dumps(result)) < 8192


def test_order_of_calls(workspace: FakeWorkspace, context: TaskContext) -> None:
    operator().execute(context)  # type: ignore[arg-type]
    order = [name for name in workspace.names() if name != "get_run"]
    assert order == ["get_dataset", "ensure_compute", "submit_automl", "automl_result", "register_model"]


def test_what_was_trained_by_a_run_that_did_not_live_to_say_so_is_not_trained_again(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        ModelVersion(name="bank-exp", version=version, run_id=run_id, created_at=NOW, tags={"training_key": key})
        for version, run_id, key in ((1, "run-a", "k1"), (2, "run-b", "k2"), (3, "run-c", "k1"))
    ]
    monkeypatch.setattr(workspace, "list_model_versions", lambda name: made, raising=False)
    for key, expected in (("k1", "run-c"), ("k2", "run-b")):
        prepared = DATASET | {"model_tags": {"training_key": key}, "trained_model": None}
        assert operator(dataset=prepared).execute(TaskContext())["run_id"] == expected  # type: ignore[arg-type]
    assert "submit_automl" not in workspace.names()
    prepared = DATASET | {"model_tags": {"training_key": "k3"}, "trained_model": None}
    operator(dataset=prepared).execute(context)  # type: ignore[arg-type]
    assert "submit_automl" in workspace.names()


@pytest.mark.parametrize("as_text", [False, True])
def test_challengers_of_ones_own(workspace: FakeWorkspace, context: TaskContext, as_text: bool) -> None:
    given: dict[str, Any] = {"class_weights": {"yes": 8}, "custom_pipelines": [OWN]}
    written = {name: json.dumps(value) for name, value in given.items()} if as_text else given
    operator(**written).execute(context)  # type: ignore[arg-type]
    settings, _key = next(what for call, what in workspace.calls if call == "submit_automl")
    assert settings.class_weights == {"yes": 8.0}
    assert [pipeline.to_dict() for pipeline in settings.custom_pipelines] == [
        {**OWN, "columns": [], "categories": "one_hot"}
    ]


@pytest.mark.parametrize("nothing", [None, "", "None", "null"])
def test_no_challengers(workspace: FakeWorkspace, context: TaskContext, nothing: Any) -> None:
    operator(class_weights=nothing, custom_pipelines=nothing).execute(context)  # type: ignore[arg-type]
    settings, _key = next(what for call, what in workspace.calls if call == "submit_automl")
    assert (settings.class_weights, settings.custom_pipelines) == ("none", ())


def test_model_tags_say_where_it_comes_from(workspace: FakeWorkspace, context: TaskContext) -> None:
    operator(model_name="m", model_tags={"team": "a"}).execute(context)  # type: ignore[arg-type]
    name, run_id, tags = next(what for call, what in workspace.calls if call == "register_model")
    assert (name, run_id) == ("m", "run-1")
    assert (
        tags.items()
        >= {
            "run_id": "run-1",
            "dataset": "bank",
            "dataset_version": "2",
            "dataset_fingerprint": "sha256:" + "ab" * 32,
            "AUC_weighted": "0.9512",
            "dag_id": "d",
            "dag_run_id": "manual__1",
            "team": "a",
        }.items()
    )


def test_arguments_as_a_template_renders_them(workspace: FakeWorkspace, context: TaskContext) -> None:
    operator(
        dataset="bank",
        dataset_version="3",
        experiment_timeout_minutes="1.0",
        iterations="12",
        n_cross_validations="None",
        validation_size="",
        enable_early_stopping="False",
        exclude_columns='["duration"]',
        blocked_models="KNN, SVM",
        max_concurrent_iterations="2.0",
    ).execute(context)  # type: ignore[arg-type]
    settings, _key = next(what for call, what in workspace.calls if call == "submit_automl")
    assert settings.dataset_version == 3
    assert settings.experiment_timeout_minutes == 1.0
    assert settings.iterations == 12
    assert settings.n_cross_validations is None
    assert settings.validation_size is None
    assert settings.enable_early_stopping is False
    assert settings.exclude_columns == ("duration",)
    assert settings.blocked_models == ("KNN", "SVM")
    assert settings.max_concurrent_iterations == 2


def test_latest_version_when_none_is_named(workspace: FakeWorkspace, context: TaskContext) -> None:
    assert operator(dataset="bank").execute(context)["dataset"]["version"] == 7  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"experiment_timeout_minutes": "soon"}, "experiment_timeout_minutes is 'soon'"),
        ({"experiment_timeout_minutes": 0}, "experiment_timeout_minutes is 0"),
        ({"experiment_timeout_minutes": "nan"}, "experiment_timeout_minutes is 'nan'"),
        ({"iterations": 1.5}, "iterations is 1.5; give a whole number"),
        ({"iterations": True}, "iterations is True"),
        ({"primary_metric": "AUC"}, "primary_metric is 'AUC'; choose one of AUC_weighted"),
        ({"enable_early_stopping": "maybe"}, "enable_early_stopping is 'maybe'"),
        ({"exclude_columns": '["a"'}, "exclude_columns"),
        ({"exclude_columns": ["y"]}, "exclude_columns holds the label"),
        ({"exclude_columns": ["durration"]}, "did you mean 'duration'"),
        ({"class_weights": "heavy"}, "class_weights is 'heavy'"),
        ({"class_weights": '{"yes": 8'}, "class_weights is '{\"yes\": 8', which is not JSON"),
        ({"class_weights": {"yes": "much"}}, "class_weights['yes'] is 'much'; give a finite number"),
        ({"class_weights": 8}, "class_weights is '8'"),
        ({"custom_pipelines": "[{"}, "custom_pipelines is '[{', which is not JSON"),
        ({"custom_pipelines": [{"name": "own", "step": []}]}, "custom_pipelines[0] has no field 'step'"),
        (
            {"custom_pipelines": [{**OWN, "columns": ["durration"]}]},
            "a column of custom pipeline 'own' is 'durration', which is not a column of dataset bank version 2",
        ),
        ({"label_column_name": "Y"}, "'Y', which is not a column of dataset bank version 2"),
        ({"label_column_name": ""}, "label_column_name is ''"),
        ({"dataset": None}, "dataset is None: the task it comes from returned nothing"),
        ({"dataset": "{'name': 'bank'}"}, "Pass the task's `.output`"),
        ({"dataset": {"version": 1}}, "dataset is a mapping without 'name'"),
        ({"dataset_version": 3}, "give one"),
        ({"dataset": "bank", "dataset_version": 0}, "versions count from 1"),
        ({"poll_seconds": 0}, "poll interval 0 s"),
        ({"n_cross_validations": 5, "validation_size": 0.1}, "exclude each other"),
        ({"max_nodes": "many"}, "max_nodes is 'many'"),
        ({"model_tags": "team"}, "model_tags is 'team'"),
        ({"model_name": "my model"}, "model name 'my model' is not valid: 1 to 255 letters"),
        ({"experiment_name": "my.experiment"}, "experiment name 'my.experiment' is not valid: 3 to 36 letters"),
        ({"dataset": "bank/2"}, "dataset name 'bank/2' is not valid"),
        ({"compute_target": "2-fast"}, "compute target name '2-fast' is not valid"),
    ],
)
def test_bad_arguments_fail_before_anything_is_submitted(
    workspace: FakeWorkspace, context: TaskContext, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        operator(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert set(workspace.names()) <= {"get_dataset"}


def test_a_retry_finds_the_same_run(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [ServiceUnavailable("gone for good")]
    with pytest.raises(ServiceUnavailable):
        operator().execute(context)  # type: ignore[arg-type]
    workspace.statuses = [RunStatus.COMPLETED]
    assert operator().execute(context)["run_id"] == "run-1"  # type: ignore[arg-type]
    assert len(workspace.runs) == 1
    assert workspace.cancelled == []


def test_a_cleared_task_runs_again_and_its_retry_does_not(workspace: FakeWorkspace) -> None:
    """Airflow: `max_tries` is what it was on a retry, and the number of tries so far plus `retries` after a clear."""
    workspace.statuses = [RunStatus.COMPLETED]
    tries = [
        TaskContext(try_number=1, max_tries=2),
        TaskContext(try_number=2, max_tries=2),  # a retry
        TaskContext(try_number=3, max_tries=4),  # cleared
        TaskContext(try_number=4, max_tries=4),  # a retry of that
    ]
    runs = [operator().execute(context)["run_id"] for context in tries]  # type: ignore[arg-type]
    assert runs == ["run-1", "run-1", "run-2", "run-2"]


def test_submission_key_tells_tasks_and_settings_apart(workspace: FakeWorkspace) -> None:
    workspace.statuses = [RunStatus.COMPLETED]
    for context in (
        TaskContext(),
        TaskContext(run_id="manual__2"),
        TaskContext(task_id="other"),
        TaskContext(map_index=0),
        TaskContext(map_index=1),
    ):
        operator().execute(context)  # type: ignore[arg-type]
    operator(iterations=3).execute(TaskContext())  # type: ignore[arg-type]
    assert len(workspace.runs) == 6
    operator().execute(TaskContext(map_index=None))  # type: ignore[arg-type]
    assert len(workspace.runs) == 6


def test_link_is_there_while_it_runs_and_stays(workspace: FakeWorkspace, context: TaskContext) -> None:
    seen: list[Any] = []
    workspace.on_get_run = lambda: seen.append(dict(context.xcom))
    task = operator()
    task.execute(context)  # type: ignore[arg-type]
    page = "/azureml/run?dag_id=d&dag_run_id=manual__1&task_id=automl_run"
    assert seen[0] == {
        "azureml_run_url": page,
        "azureml_run": {"conn_id": "azureml_default", "run_id": "run-1"},
    }
    (link,) = task.operator_extra_links
    assert link.get_link(task, ti_key=None) == page  # type: ignore[arg-type]


def test_progress_lines_only_when_something_changed(
    workspace: FakeWorkspace, context: TaskContext, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.statuses = [RunStatus.QUEUED, RunStatus.QUEUED, *[RunStatus.RUNNING] * 4, RunStatus.COMPLETED]
    workspace.progress = [progress(1), progress(1), progress(3, failed=1), progress(3, failed=1)]
    operator().execute(context)  # type: ignore[arg-type]
    log = capsys.readouterr().out
    assert log.count("Run run-1 is Queued.") == 1
    assert log.count("AutoML, search: 1 trial done, best so far LightGBM with AUC_weighted 0.91000, 40 s left") == 1
    assert log.count("3 trials done (1 failed)") == 1


def test_a_long_trial_is_not_silent(
    workspace: FakeWorkspace, context: TaskContext, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.statuses = [*[RunStatus.RUNNING] * 5, RunStatus.COMPLETED]
    workspace.progress = [replace(progress(1), elapsed_seconds=seconds) for seconds in (10, 50, 70, 110, 130)]
    operator().execute(context)  # type: ignore[arg-type]
    assert capsys.readouterr().out.count("1 trial done") == 3


def test_a_server_restart_is_waited_out(workspace: FakeWorkspace, context: TaskContext, clock: list[float]) -> None:
    workspace.statuses = [RunStatus.RUNNING, *[unavailable()] * 20, RunStatus.COMPLETED]
    operator(outage_minutes=5).execute(context)  # type: ignore[arg-type]
    assert clock[0] >= 40


@pytest.mark.parametrize("error", [ServiceUnavailable("gone"), Throttled("slow down", 4.0)])
def test_a_lasting_outage_ends_and_is_left_to_retries(
    workspace: FakeWorkspace, context: TaskContext, clock: list[float], error: Exception
) -> None:
    workspace.statuses = [error]
    with pytest.raises(type(error)):
        operator(outage_minutes=1).execute(context)  # type: ignore[arg-type]
    assert 60 <= clock[0] <= 67
    assert workspace.cancelled == []


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.UNKNOWN, RunStatus.QUEUED])
def test_deadline_cancels_the_run(
    workspace: FakeWorkspace, context: TaskContext, clock: list[float], status: RunStatus
) -> None:
    workspace.statuses = [status]
    with pytest.raises(WaitTimeout, match="run run-1 was not done after 180 s"):
        operator(experiment_timeout_minutes=1, queue_timeout_minutes=2).execute(context)  # type: ignore[arg-type]
    assert workspace.cancelled == ["run-1"]
    assert clock[0] == pytest.approx(180, abs=3)


def test_unknown_status_goes_on(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.UNKNOWN, RunStatus.UNKNOWN, RunStatus.COMPLETED]
    operator().execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELED])
def test_failure_says_why_and_where(workspace: FakeWorkspace, context: TaskContext, status: RunStatus) -> None:
    workspace.statuses = [RunStatus.RUNNING, status]
    workspace.run_error = "the label has one class only."
    with pytest.raises(RunFailed) as caught:
        operator().execute(context)  # type: ignore[arg-type]
    message = str(caught.value)
    assert f"run run-1 is {status}" in message
    assert "the label has one class only." in message
    assert "Its log is among the run's files, at http://portal/run-1" in message
    assert "job.log" not in message, "Azure's runs have no such file"
    assert "register_model" not in workspace.names()


def test_kill_before_submit_is_harmless(workspace: FakeWorkspace) -> None:
    operator().on_kill()
    assert workspace.calls == []
    assert workspace.cancelled == []


def test_kill_while_waiting_cancels_and_ends(workspace: FakeWorkspace, context: TaskContext) -> None:
    task = operator()
    workspace.statuses = [RunStatus.RUNNING]
    workspace.on_get_run = task.on_kill
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    assert set(workspace.cancelled) == {"run-1"}


def test_kill_during_submit_cancels_what_was_submitted(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = operator()
    submit = workspace.submit_automl

    def killed_meanwhile(*args: Any, **kwargs: Any) -> Any:
        submit(*args, **kwargs)
        task.on_kill()  # the answer is never seen

    monkeypatch.setattr(workspace, "submit_automl", killed_meanwhile)
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    assert workspace.cancelled == ["run-1"]


def test_killed_before_submit_submits_nothing(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = operator()
    monkeypatch.setattr(workspace, "ensure_compute", lambda _target: task.on_kill())
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    assert (workspace.runs, workspace.cancelled) == ({}, [])


def test_kill_with_the_server_down_raises_nothing(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(run_id: str) -> None:
        raise unavailable()

    monkeypatch.setattr(workspace, "cancel_run", down)
    task = operator()
    workspace.on_get_run = task.on_kill
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]


def test_rendered_fields_are_left_alone(workspace: FakeWorkspace, context: TaskContext) -> None:
    task = operator(experiment_timeout_minutes="1.0", exclude_columns='["duration"]')
    before = {field: getattr(task, field) for field in task.template_fields}
    task.execute(context)  # type: ignore[arg-type]
    assert {field: getattr(task, field) for field in task.template_fields} == before
