"""The local Azure ML: datasets, AutoML runs, models, web services and Application Insights on one machine."""
