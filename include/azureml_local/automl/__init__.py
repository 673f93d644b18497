"""AutoML for classification: search, voting ensemble, one ONNX graph, and an account of what the model can do.

`catalog` and `preflight` import no ML library, so that the server can check a submission with them. Everything else
runs in the job's own process (`python -m azureml_local.automl RUN_DIR`).
"""
