"""Runs in the peer's environment: train and pickle the pipeline that a data scientist would deploy.

`python train.py CSV LABEL OUT_DIR` writes `model.pkl` and the sample row that the entry script needs.
"""

import sys
from pathlib import Path

import joblib
import lightgbm
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def main(csv: str, label: str, out: str) -> None:
    frame = pd.read_csv(csv)
    rows, labels = frame.drop(columns=[label]), frame[label]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    pipeline = make_pipeline(encode, lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1))
    pipeline.fit(rows, labels)
    folder = Path(out)
    # As Azure lays a registered model out: <model>/<version>/.
    (folder / "model" / "1").mkdir(parents=True, exist_ok=True)
    joblib.dump(pipeline, folder / "model" / "1" / "model.pkl")
    rows.head(1).to_json(folder / "model" / "1" / "sample.json", orient="records")


if __name__ == "__main__":
    main(*sys.argv[1:])
