"""Published pipelines: what people ask of them, and the thread that takes their runs from step to step."""
