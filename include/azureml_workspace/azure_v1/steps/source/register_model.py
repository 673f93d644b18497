# airflow-azureml: registers the best model of a pipeline's AutoML step
"""Runs on Azure as the last step of a published pipeline, in an environment that has azureml-core alone.

Writes `outputs/model.json`: the model's name and version, and the run it comes from.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Register, or find what an earlier attempt of this step registered."""
    arguments = _arguments()
    from azureml.core import Model, Run

    run = Run.get_context()
    pipeline = run.parent
    automl = next((child for child in pipeline.get_children() if child.name == arguments.automl_step), None)
    if automl is None:
        print(f"pipeline run {pipeline.id} has no step {arguments.automl_step}", file=sys.stderr)
        return 1
    best = _best_child(automl)
    tags = {
        **json.loads(base64.urlsafe_b64decode(arguments.tags)),
        "pipeline_run_id": pipeline.id,
        "run_id": automl.id,
        "best_child_run_id": best.id,
        "algorithm": best.properties.get("run_algorithm", ""),
    }
    found = Model.list(run.experiment.workspace, name=arguments.model_name, tags=[["run_id", automl.id]])
    model = found[0] if found else _register(automl, best, arguments.model_name, tags)
    print(f"model {model.name}:{model.version} is that of run {automl.id}, child {best.id}")
    output = Path("outputs") / "model.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps({"name": model.name, "version": model.version, "run_id": automl.id, "tags": tags}))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-name", required=True)
    parser.add_argument("--tags", required=True, help="a JSON object, in base64: no shell can change it")
    parser.add_argument("--automl-step", required=True, help="the name of the AutoML step")
    parser.add_argument("--best-model", help="the step's output: it makes this step wait for that one")
    return parser.parse_args()


def _best_child(automl: Any) -> Any:
    """The child run that AutoML names as its best: in a tag, and in older versions in a property.

    Else that with the best score, which is the highest for each metric that a pipeline can have.
    """
    wanted = automl.get_tags().get("automl_best_child_run_id") or automl.get_properties().get("best_child_run_id_000")
    children = list(automl.get_children())
    if wanted:
        best = next((child for child in children if child.id == wanted), None)
    else:
        best = max((child for child in children if math.isfinite(_score(child))), key=_score, default=None)
    if best is None:
        raise SystemExit(f"AutoML run {automl.id} has no best child run (of {len(children)})")
    return best


def _score(child: Any) -> float:
    try:
        return float(child.properties.get("score", "nan"))
    except ValueError:
        return math.nan


def _register(automl: Any, best: Any, name: str, tags: dict[str, str]) -> Any:
    path = best.properties.get("model_output_path") or "outputs/model.pkl"
    return best.register_model(model_name=name, model_path=path, tags=tags, properties={"automl_run_id": automl.id})


if __name__ == "__main__":
    sys.exit(main())
