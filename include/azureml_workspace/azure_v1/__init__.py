"""The adapter for Azure ML itself, on SDK v1.

The SDK is used where Azure documents no payload (registering a dataset, AutoML, pipelines, deployments), in a process
of its own (`sdk_process`); everything else is a short REST request (`rest`).
"""
