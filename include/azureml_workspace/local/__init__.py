"""The adapter for the local server: a small HTTP client of the control plane in `docs/architecture.md`."""
