"""Azure ML's own REST surface, as the SDK v1 speaks it, answered by the local Azure ML (`serve --azureml-sdk`).

The unmodified SDK reaches it through its official extension points: a cloud described by `ARM_CLOUD_METADATA_URL`, and
any of its authentication classes. One module per Azure service; each translates between Azure's wire shapes and the
workspace in `azureml_local.server.workspace`, and does none of the work itself.

Nothing here was ever compared with Azure itself: an answer is what the SDK needs to go on, as its source and its
requests show.
"""
