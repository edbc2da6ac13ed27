"""Damage done on purpose, at length: what `tests/faults` does in small counts.

    python -m benchmarks.faults [NAME ...]    all campaigns, or some: kill, workers, flip, cut, ...
    python -m benchmarks.faults tables        write the table of docs/durability.md

Results go to `results/faults.json`. All campaigns take half an hour on two cores.
"""
