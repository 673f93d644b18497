"""Our scoring process against `azureml-inference-server-http`: CPU, latency, throughput, memory, cost of insights."""
