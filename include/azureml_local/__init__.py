"""The local Azure ML: datasets, AutoML runs, models, web services and Application Insights on one machine."""

import os

# ONNX Runtime sends usage data to Microsoft and keeps a device id in the home directory unless this is set before it
# loads. Here, so that every process of the local Azure ML has it; a caller's own setting wins.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
