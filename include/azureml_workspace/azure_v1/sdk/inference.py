"""How the model of an AutoML run is served: the run's own environment, and an entry script that knows its columns."""

from __future__ import annotations

import ast
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml_workspace.azure_v1.best_child import best_child
from azureml_workspace.azure_v1.sdk.categories import categories_of
from azureml_workspace.azure_v1.sdk.session import SdkSession
from azureml_workspace.azure_v1.serving import ENTRY_SCRIPT
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from azureml.core import Model, Run

_CONTRACT = "contract.json"
_CONDA = re.compile(r"outputs/conda_env.*\.ya?ml")
_SCORING = re.compile(r"outputs/scoring_file.*\.py")
_SCORING_PREFERRED = ("outputs/scoring_file_v_1_0_0.py", "outputs/scoring_file_v_2_0_0.py")
"""Plain ones. Others (`scoring_file_pbi_v_1_0_0.py`, for Power BI) take their input in another form."""
_KINDS = (("int", "integer"), ("uint", "integer"), ("float", "number"), ("bool", "boolean"), ("datetime", "datetime"))


@dataclass(frozen=True, kw_only=True)
class InferenceFiles:
    """The conda file; the folder that is uploaded, and the script in it that is run."""

    conda: Path
    source: Path
    entry_script: str


def inference_files(session: SdkSession, model: Model, folder: Path) -> InferenceFiles:
    """Put what the service needs into `folder`. :raises InvalidRequest: the model is not that of an AutoML run."""
    run_id: str | None = model.run_id
    if not run_id:
        raise InvalidRequest("the model came from no run; only models of AutoML runs can be deployed.")
    run, files = _run_with_model(session, run_id)
    conda = _first(files, _CONDA)
    if conda is None:
        raise InvalidRequest(f"run {run_id} left no conda file (outputs/conda_env*), so nobody knows how to serve it.")
    run.download_file(conda, str(folder / "conda.yml"))
    source = folder / "automl_scoring"
    source.mkdir()
    shutil.copyfile(ENTRY_SCRIPT, source / ENTRY_SCRIPT.name)
    columns = _columns(run, files, folder)
    texts = [name for name, column in columns.items() if column["kind"] == "string"]
    for name, values in categories_of(session, model.properties or {}, texts).items():
        columns[name]["categories"] = values
    (source / _CONTRACT).write_text(json.dumps({"columns": columns}))
    return InferenceFiles(conda=folder / "conda.yml", source=source, entry_script=ENTRY_SCRIPT.name)


def scoring_scripts(files: list[str]) -> list[str]:
    """AutoML's own scoring scripts among a run's files, the one that says most surely what the model takes first."""
    preference = {file: place for place, file in enumerate(_SCORING_PREFERRED)}
    found = [file for file in files if _SCORING.fullmatch(file)]
    return sorted(found, key=lambda file: (preference.get(file, len(preference)), file))


def _columns(run: Run, files: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """The columns by the first of the run's scripts that has a sample which can be read; empty when none has."""
    for number, script in enumerate(scoring_scripts(files)):
        copy = folder / f"scoring_{number}.py"
        run.download_file(script, str(copy))
        columns = columns_of(copy.read_text())
        if columns:
            return columns
    return {}


def columns_of(script: str) -> dict[str, dict[str, Any]]:
    """The columns in the sample of AutoML's own scoring script; empty when it has none that can be read.

    AutoML writes `pd.DataFrame({"age": pd.Series([0], dtype="int64"), ...})` there, which Azure's swagger is made of.
    """
    try:
        tree = ast.parse(script)
    except SyntaxError:
        return {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            found = {
                key.value: dtype
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and (dtype := _dtype(value))
            }
            if found and len(found) == len(node.keys):
                return {name: {"dtype": dtype, "kind": _kind(dtype)} for name, dtype in found.items()}
    return {}


def _dtype(node: ast.expr) -> str | None:
    """The dtype of `pd.Series([...], dtype="...")`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "Series":
        return None
    given = next((keyword.value for keyword in node.keywords if keyword.arg == "dtype"), None)
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def _kind(dtype: str) -> str:
    return next((kind for prefix, kind in _KINDS if dtype.lower().startswith(prefix)), "string")


def _run_with_model(session: SdkSession, run_id: str) -> tuple[Run, list[str]]:
    """The run that has the files: the trial that the model is of, also when the model names the whole AutoML run."""
    from azureml.core import Run

    run = Run.get(session.workspace, run_id)
    best = best_child(
        status=RunStatus.parse(run.get_status()),
        tags=run.get_tags(),
        properties=run.get_properties(),
        scores=lambda: ((child.id, child.get_properties().get("score")) for child in run.get_children()),
    )
    if best:
        run = Run.get(session.workspace, best)
    return run, run.get_file_names()


def _first(files: list[str], pattern: re.Pattern[str]) -> str | None:
    return next((file for file in sorted(files) if pattern.fullmatch(file)), None)
