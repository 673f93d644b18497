"""Benchmarks, side by side with peers: `python -m benchmarks`, results in `benchmarks/RESULTS.md`."""
