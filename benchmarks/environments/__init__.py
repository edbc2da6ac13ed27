"""Every environment against the original it adapts: equal transitions, and what the contract costs.

    python -m benchmarks.environments compare [NAME ...]
    python -m benchmarks.environments speed [NAME ...]
    python -m benchmarks.environments tables

Without names, all that docs/environments.md reports. `compare` steps 1,000 transitions side by side
with the suite's own un-reset API, from equal keys with equal actions. `speed` scans both with
random actions, interleaved, each with its own reset: ours starts fresh episodes, theirs do what
their authors ship. Results go to benchmarks/results/environments.json; `tables` brings
docs/environments.md up to date with them.
"""
