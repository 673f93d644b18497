"""How long `make run` takes when it is not the first."""
