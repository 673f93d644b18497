"""The peer's entry script, in the shape of the one that Azure's AutoML writes for a classification model."""

import json
import os
from pathlib import Path

import joblib
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema, output_schema

FOLDER = Path(os.environ["AZUREML_MODEL_DIR"]) / "1"
SAMPLE = pd.read_json(FOLDER / "sample.json", orient="records")

model = None


def init():
    global model
    model = joblib.load(FOLDER / "model.pkl")


@input_schema("data", PandasParameterType(SAMPLE, enforce_shape=False))
@output_schema(NumpyParameterType(pd.Series(["no"]).to_numpy()))
def run(data):
    try:
        return json.dumps({"result": model.predict(data).tolist()})
    except Exception as error:  # noqa: BLE001 - this is how the generated script reports a failure
        return json.dumps({"error": str(error)})
