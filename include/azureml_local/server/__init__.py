"""The control plane: an HTTP server that plays an Azure ML workspace."""
