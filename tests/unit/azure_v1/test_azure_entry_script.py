"""The entry script that is deployed to Azure, run as Azure's inference server runs it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from azureml_endpoint.contract import ServiceContract
from azureml_workspace.azure_v1.sdk.inference import _columns, columns_of
from azureml_workspace.azure_v1.serving import ENTRY_SCRIPT

pytestmark = pytest.mark.unit

ROWS = [{"age": 70, "job": "pilot"}, {"age": 20, "job": "nurse"}]
COLUMNS = {
    "age": {"dtype": "int64", "kind": "integer"},
    "job": {"dtype": "object", "kind": "string", "categories": ["nurse", "pilot"]},
}


@dataclass
class AMLResponse:
    """As in Azure's inference server."""

    message: Any
    status: int
    json_str: bool = False
    body: bytes = field(init=False)

    def __post_init__(self) -> None:
        assert self.json_str
        self.body = json.dumps(self.message).encode()


class AgeModel:
    """Takes only what it was trained with: both columns in order, the age as a whole number."""

    def __init__(self) -> None:
        self.tree = DecisionTreeClassifier(random_state=0).fit(pd.DataFrame({"age": [20, 70]}), ["no", "yes"])

    def predict(self, frame: pd.DataFrame) -> Any:
        assert [str(kind) for kind in frame[["age"]].dtypes] == ["int64"]
        assert list(frame.columns) == ["age", "job"]
        return self.tree.predict(frame[["age"]])

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(self.tree.predict_proba(frame[["age"]]))


Start = Callable[..., ModuleType]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts the script with columns and variables, as the inference server does."""
    for name in ("azureml_inference_server_http", "azureml_inference_server_http.api"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    answers = ModuleType("azureml_inference_server_http.api.aml_response")
    answers.AMLResponse = AMLResponse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, answers.__name__, answers)
    (tmp_path / "app").mkdir()
    (tmp_path / "models").mkdir()
    joblib.dump(AgeModel(), tmp_path / "models" / "model.pkl")
    shutil.copyfile(ENTRY_SCRIPT, tmp_path / ENTRY_SCRIPT.name)

    def started(columns: dict[str, Any], **variables: str) -> ModuleType:
        (tmp_path / "contract.json").write_text(json.dumps({"columns": columns}))
        variables |= {"AML_APP_ROOT": str(tmp_path / "app"), "AZUREML_MODEL_DIR": str(tmp_path / "models")}
        for name, value in {"SERVICE_NAME": "ages", **variables}.items():
            monkeypatch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("service_driver", tmp_path / ENTRY_SCRIPT.name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.init()
        return module

    return started


def ask(script: ModuleType, rows: Any, **more: Any) -> AMLResponse:
    answered = script.run(json.dumps({"data": rows, **more}))
    assert isinstance(answered, AMLResponse)
    return answered


def test_both_forms_of_an_answer(start: Start) -> None:
    assert json.loads(json.loads(ask(start(COLUMNS), ROWS).body)) == {"result": ["yes", "no"]}
    answered = ask(start(COLUMNS, AIRFLOW_AZUREML_RESPONSE_FORMAT="object"), ROWS, method="predict_proba")
    assert (answered.status, answered.message) == (200, {"result": [[0.0, 1.0], [1.0, 0.0]]})


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"job": "pilot"}], "row 1 has no column 'age'"),
        ([ROWS[0], {**ROWS[0], "shoe": 1}], "row 2 has a column 'shoe'"),
        ([{**ROWS[0], "age": "old"}], "row 1, column 'age' is \"old\"; expected integer"),
        ([{**ROWS[0], "age": True}], "expected integer"),
        ([{**ROWS[0], "age": None}], "column 'age' cannot be read as int64"),
        ([], "data has 0 rows"),
        ("rows", "expected"),
    ],
)
def test_a_refusal_names_row_and_column(start: Start, rows: Any, words: str) -> None:
    answered = ask(start(COLUMNS), rows)
    assert answered.status == 400
    assert words in answered.message["error"]["message"]


def test_null_is_no_false(start: Start) -> None:
    answered = ask(start({**COLUMNS, "paid": {"dtype": "bool", "kind": "boolean"}}), [{**ROWS[0], "paid": None}])
    assert answered.status == 400
    assert answered.message["error"]["message"] == "column 'paid' cannot be read as bool: a value is null."


def test_other_bodies_are_refused(start: Start) -> None:
    script = start(COLUMNS)
    assert script.run("{").status == 400
    assert script.run("[]").status == 400
    assert ask(script, ROWS, method="explain").status == 400


def test_rows_and_unseen_values_go_to_the_traces(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    script = start(COLUMNS)
    ask(script, [*ROWS, {"age": 1, "job": "astronaut"}])
    ask(script, [{"age": 1}])
    assert capsys.readouterr().out == "airflow-azureml-scored ages rows=3 unseen=1\n"


def test_the_swagger_is_a_contract_of_the_columns(start: Start, tmp_path: Path) -> None:
    script = start(COLUMNS, AIRFLOW_AZUREML_RESPONSE_FORMAT="object")
    contract = ServiceContract.parse((tmp_path / "app" / "swagger.json").read_bytes())
    assert set(contract.columns) == {"age", "job"}
    assert contract.request_problems(ROWS) == ()
    assert contract.request_problems([{"age": "old", "job": "pilot"}])
    assert contract.reply_problems(ask(script, ROWS).body) == ()


def test_without_known_columns_the_model_decides(start: Start, tmp_path: Path) -> None:
    assert ask(start({}), ROWS).status == 200
    assert not (tmp_path / "app" / "swagger.json").exists()


def test_the_columns_are_those_of_automls_own_script() -> None:
    script = """
data_sample = PandasParameterType(pd.DataFrame({
    "age": pd.Series([0], dtype="int64"),
    "job": pd.Series(["example_value"], dtype="object"),
    "when": pd.Series(["2000-1-1"], dtype="datetime64[ns]"),
    "paid": pd.Series([False], dtype="bool"),
    "sum": pd.Series([0.0], dtype="float64"),
}))
method_sample = StandardPythonParameterType("predict")
"""
    assert {name: column["kind"] for name, column in columns_of(script).items()} == {
        "age": "integer",
        "job": "string",
        "when": "datetime",
        "paid": "boolean",
        "sum": "number",
    }
    assert columns_of("def run(") == {}
    assert columns_of("answer = {'result': [1]}") == {}


class RunFiles:
    """The files of a run, as the SDK gives them."""

    def __init__(self, **scripts: str) -> None:
        self.scripts = {f"outputs/{name}.py": script for name, script in scripts.items()}

    def download_file(self, name: str, path: str) -> None:
        Path(path).write_text(self.scripts[name])


def sample(column: str) -> str:
    return f'data_sample = pd.DataFrame({{"{column}": pd.Series([0], dtype="int64")}})'


@pytest.mark.parametrize(
    ("scripts", "column"),
    [
        ({"scoring_file_pbi_v_1_0_0": "pbi", "scoring_file_v_1_0_0": "one", "scoring_file_v_2_0_0": "two"}, "one"),
        ({"scoring_file_pbi_v_1_0_0": "pbi", "scoring_file_v_1_0_0": "", "scoring_file_v_2_0_0": "two"}, "two"),
        ({"scoring_file_pbi_v_1_0_0": "pbi", "scoring_file_v_1_0_0": ""}, "pbi"),
        ({"scoring_file_v_1_0_0": ""}, None),
    ],
)
def test_of_several_scripts_the_plain_one_that_has_a_sample_counts(
    tmp_path: Path, scripts: dict[str, str], column: str | None
) -> None:
    run: Any = RunFiles(**{name: sample(found) if found else "" for name, found in scripts.items()})
    assert list(_columns(run, list(run.scripts), tmp_path)) == ([column] if column else [])


def printed_inputs(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    prefix = "airflow-azureml-input ages "
    lines = capsys.readouterr().out.splitlines()
    return [json.loads(line.removeprefix(prefix)) for line in lines if line.startswith(prefix)]


KEEPING = {"AIRFLOW_AZUREML_COLLECT_INPUTS": "true", "AML_APP_INSIGHTS_ENABLED": "true"}


def test_rows_of_clients_are_printed_for_application_insights(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    script = start(COLUMNS, **KEEPING)
    for headers in (None, {"X-Azureml-Purpose": "client"}):
        script.run(json.dumps({"data": ROWS}), headers)
        assert sorted(printed_inputs(capsys), key=str) == sorted(ROWS, key=str)
    script.run(json.dumps({"data": ROWS}), {"X-Azureml-Purpose": "gate"})
    script.run(json.dumps({"data": [{"age": "old", "job": "pilot"}]}))
    assert printed_inputs(capsys) == []


@pytest.mark.parametrize("off", KEEPING)
def test_no_row_is_printed_unless_somebody_keeps_it(start: Start, capsys: pytest.CaptureFixture[str], off: str) -> None:
    """A print goes into the container's log as well."""
    ask(start(COLUMNS, **{**KEEPING, off: "false"}), ROWS)
    assert printed_inputs(capsys) == []


def test_the_sample_of_rows_is_bounded(
    start: Start, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = start(COLUMNS, **KEEPING)
    now = script.time.monotonic()
    monkeypatch.setattr(script.time, "monotonic", lambda: now)
    ask(script, ROWS * 150)
    assert len(printed_inputs(capsys)) == script.INPUT_BURST
    ask(script, ROWS)
    assert printed_inputs(capsys) == []
    monkeypatch.setattr(script.time, "monotonic", lambda: now + 1)
    ask(script, ROWS)
    assert len(printed_inputs(capsys)) == 1
    monkeypatch.setattr(script.time, "monotonic", lambda: now + 3)
    ask(script, [{"age": 70, "job": "x" * script.INPUT_CHARACTERS}])
    assert printed_inputs(capsys) == []
