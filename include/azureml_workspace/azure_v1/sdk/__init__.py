"""What runs in the SDK's own process: one module per kind of object, each a few named operations on plain JSON types.

Only `azureml_workspace.azure_v1.sdk_process` starts it. Operations raise the seam's errors; what the SDK raises is
translated in `failures`.
"""
