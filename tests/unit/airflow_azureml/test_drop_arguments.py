"""Which drop a task is about, whose DAG run is at work, and thresholds as templates render them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext

from airflow_azureml._dag_runs import is_at_work, name_of_run
from airflow_azureml._drop_key import drop_key_of
from airflow_azureml._validation_arguments import validation_settings
from airflow_azureml.operators.batch_score import AzureMLBatchScoreOperator
from airflow_azureml.operators.prepare_training import AzureMLPrepareTrainingOperator
from airflow_azureml.operators.register_drop import AzureMLRegisterDropOperator
from azureml_drops.pattern import DropPattern
from azureml_gate.candidate import candidate_service
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import validate_service_name

pytestmark = pytest.mark.unit

DATED, KEYED = DropPattern.parse("/data/{date}.csv"), DropPattern.parse("/data/{key}.csv")
START = datetime(2026, 11, 20, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "pattern", "context", "expected"),
    [
        ("2026-11-01", DATED, {"data_interval_start": START}, "2026-11-01"),
        (" 2026-11-01 ", DATED, {}, "2026-11-01"),
        ("Latest", DATED, {}, "latest"),
        (None, DATED, {"data_interval_start": START}, "2026-11-20"),
        ("None", DATED, {"data_interval_start": START}, "2026-11-20"),
        ("", KEYED, {"dag_run": SimpleNamespace(partition_key="week-7"), "data_interval_start": START}, "week-7"),
        (None, DATED, {"dag_run": SimpleNamespace(partition_key=None), "data_interval_start": START}, "2026-11-20"),
    ],
)
def test_the_key_is_given_or_that_of_the_dag_run(
    value: str | None, pattern: DropPattern, context: dict[str, Any], expected: str
) -> None:
    assert drop_key_of(value, pattern, context) == expected  # type: ignore[arg-type]


def test_a_run_without_a_date_says_what_to_set() -> None:
    with pytest.raises(
        InvalidRequest, match=r"this run has no data interval.*set drop_key .*, or give the run a logical date"
    ):
        drop_key_of("", DATED, {"data_interval_start": None})  # type: ignore[arg-type, typeddict-item]
    with pytest.raises(InvalidRequest, match=r"/data/\{key\}.csv are not named by dates.*to a key or to 'latest'\."):
        drop_key_of(None, KEYED, {"data_interval_start": START})  # type: ignore[arg-type, typeddict-item]


UNKNOWN = httpx.Response(404, request=httpx.Request("GET", "http://airflow/execution/dag-runs/d/manual__2026/state"))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("running", True),
        ("queued", True),
        ("failed", False),
        ("success", False),
        (AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={})), None),
        (ServerResponseError("not found", request=UNKNOWN.request, response=UNKNOWN), None),
    ],
)
def test_a_dag_run_is_at_work_as_airflow_says(state: str | Exception, expected: bool | None) -> None:
    asked: list[dict[str, str]] = []

    def get_dagrun_state(**given: str) -> str:
        asked.append(given)
        if isinstance(state, Exception):
            raise state
        return state

    context = TaskContext()
    context["ti"].get_dagrun_state = get_dagrun_state
    assert is_at_work(context, "d/manual__2026/1") is expected  # type: ignore[arg-type]
    assert asked == [{"dag_id": "d", "run_id": "manual__2026/1"}]
    assert name_of_run(context) == "d/manual__1"  # type: ignore[arg-type]


def test_thresholds_may_be_text() -> None:
    given = {"max_psi": "0.5", "min_rows": "7", "max_ks": "None", "schema": "false", "ignore_columns": "a, b"}
    settings = validation_settings(given)
    assert (settings.max_psi, settings.min_rows, settings.max_ks, settings.schema) == (0.5, 7, None, False)
    assert settings.ignore_columns == ("a", "b")
    assert validation_settings('{"max_psi": null}').max_psi is None
    assert validation_settings(None).max_psi == 0.25
    for value, words in (
        ("[1]", "give an object"),
        ("{", "not JSON"),
        ({"max_psi": "much"}, r"validation\['max_psi'\] is 'much'"),
        ({"what": 1}, "validation has 'what'|validation\\['what'\\]"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            validation_settings(value)


@pytest.mark.parametrize("service", ["abc", "bank-marketing", "a" * 32, "a" * 22 + "-bcdefghi"])
def test_the_candidate_service_has_a_valid_name_of_its_own(service: str) -> None:
    names = {candidate_service(service, key) for key in ("0123456789abcdef", "f123456789abcdef")}
    assert len(names) == 2
    for name in names:
        validate_service_name(name)
        assert name != service


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"drops": "/data/a.csv"}, "has no placeholder"),
        ({"name": "my data"}, "dataset name 'my data' is not valid"),
        ({"on_bad_drop": "ignore"}, "on_bad_drop is 'ignore'; give 'fail' or 'skip'"),
        ({"separator": "ab"}, "separator is 'ab'"),
        ({"max_download_mb": 0}, "max_download_mb is 0; give more than 0"),
        ({"validation": {"max_ks": 3}}, "max_ks is 3"),
        ({"drop_key": "yesterday"}, "'yesterday' cannot be the key of a dated drop"),
        ({"accept_refused": "maybe"}, "accept_refused is 'maybe'"),
    ],
)
def test_a_bad_argument_of_the_register_task_is_named(
    workspace: FakeWorkspace, context: TaskContext, given: dict[str, Any], words: str
) -> None:
    arguments = {"drops": "/data/{date}.csv", "name": "bank", "drop_key": "2026-11-01", **given}
    task = AzureMLRegisterDropOperator(task_id="register_drop", **arguments)
    with pytest.raises(InvalidRequest, match=words):
        task.execute(context)  # type: ignore[arg-type]
    assert workspace.names() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"drop": "bank"}, "drop is 'bank'; pass the `.output` of the task that registered the drop"),
        ({"drop": {"name": "bank"}}, "RegisteredDropResult: Object missing required field"),
        ({"service": "My Service"}, "service name 'My Service' is not valid"),
        ({"window": "0"}, "window is '0'"),
        ({"holdout_share": "most"}, "holdout_share is 'most'"),
    ],
)
def test_a_bad_argument_of_the_prepare_task_is_named(
    workspace: FakeWorkspace, context: TaskContext, given: dict[str, Any], words: str
) -> None:
    drop = {
        "name": "bank",
        "version": 1,
        "rows": 2,
        "fingerprint": "sha256:ab",
        "drop_key": "2026-11-01",
        "replaces": None,
        "report": "",
        "file_found": True,
        "source_conn_id": None,
        "settings": {"dataset": "bank", "pattern": "/data/{date}.csv", "label": "y"},
    }
    task = AzureMLPrepareTrainingOperator(task_id="prepare_training", **({"drop": drop, "service": "svc-a"} | given))
    with pytest.raises(InvalidRequest) as caught:
        task.execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert workspace.names() == []


@pytest.mark.parametrize("argument", ["data", "pattern", "output_folder"])
def test_a_signature_in_an_address_of_a_batch_is_masked_before_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_azureml.operators.batch_score.mask_secret", masked.append)
    address = {argument: "wasbs://c@a.blob.core.windows.net/x?sig=very-secret-signature"}
    task = AzureMLBatchScoreOperator(task_id="score", service="svc-a", **{"output_folder": "out"} | address)
    task.render_template_fields({})
    assert "very-secret-signature" in masked
