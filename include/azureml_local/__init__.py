"""The local Azure ML: datasets, AutoML runs, models, web services and Application Insights on one machine."""

import os

# ONNX Runtime sends usage data to Microsoft and keeps an id in the home folder unless told not to before its first
# import, by whichever library that happens through. What runs on this machine is nobody else's business.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
