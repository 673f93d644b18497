"""One fit of AutoGluon, medium quality. `python fit_autogluon.py JOB.json`; see `peer_files`."""

import time

from autogluon.tabular import TabularPredictor
from peer_files import predict_ms, read_job, write_outcome

job, train, test = read_job()
label, classes = job["label"], job["classes"]
model = TabularPredictor(
    label=label,
    eval_metric="roc_auc" if len(classes) == 2 else "roc_auc_ovr_weighted",
    path=job["work"],
    verbosity=0,
)
started = time.perf_counter()
model.fit(train, presets="medium_quality", time_limit=job["budget_seconds"], num_cpus=job["cores"], num_gpus=0)
fit_seconds = time.perf_counter() - started
rows = test.drop(columns=[label])
probabilities = model.predict_proba(rows)
order = [list(map(str, probabilities.columns)).index(str(value)) for value in classes]
write_outcome(
    job,
    model.predict(rows),
    probabilities.to_numpy()[:, order],
    {
        "fit_seconds": fit_seconds,
        "predict_ms": predict_ms(test, label, model.predict),
        "detail": f"best model {model.model_best}",
    },
)
