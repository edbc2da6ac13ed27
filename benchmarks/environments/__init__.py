"""Every environment against the original it adapts: equal transitions, and what the contract costs.

    python -m benchmarks.environments compare [NAME ...]
    python -m benchmarks.environments speed [NAME ...]
    python -m benchmarks.environments resets [NAME ...]
    python -m benchmarks.environments tables

Without names, all that docs/environments.md reports. `compare` steps 1,000 transitions side by side
with the suite's own un-reset API, from equal keys with equal actions, and with gymnasium's, from
equal states with equal actions, where the dynamics are meant to be equal. `speed` rolls both out
with random actions, interleaved, each with its own reset: ours starts fresh episodes, theirs do
what their authors ship. `resets` tries each plan of resets where a reset costs many steps. Results
go to benchmarks/results/environments.json; `tables` brings docs/environments.md up to date with
them.
"""
