"""One fit of FLAML. `python fit_flaml.py JOB.json`; see `peer_files`."""

import time

import flaml
from peer_files import predict_ms, read_job, write_outcome

job, train, test = read_job()
label, classes = job["label"], job["classes"]
model = flaml.AutoML()
started = time.perf_counter()
model.fit(
    X_train=train.drop(columns=[label]),
    y_train=train[label].to_numpy(),
    task="classification",
    metric="roc_auc" if len(classes) == 2 else "roc_auc_ovr_weighted",
    time_budget=job["budget_seconds"],
    n_jobs=job["cores"],
    seed=job["seed"],
    verbose=0,
)
fit_seconds = time.perf_counter() - started
rows = test.drop(columns=[label])
order = [list(map(str, model.classes_)).index(str(value)) for value in classes]
write_outcome(
    job,
    model.predict(rows),
    model.predict_proba(rows)[:, order],
    {
        "fit_seconds": fit_seconds,
        "predict_ms": predict_ms(test, label, model.predict),
        "detail": f"best estimator {model.best_estimator}",
    },
)
