"""Benchmarks: run as `python -m benchmarks.NAME`; each writes a results file."""
