"""What the sweep engine costs and saves.

    python -m benchmarks.sweep ways        # how many lanes advance at a time
    python -m benchmarks.sweep large       # 128 configurations x 10 seeds x 100,000 steps
    python -m benchmarks.sweep overhead    # of ledger, metrics and progress, at 1,000 lanes
    python -m benchmarks.sweep many        # 10,000 runs of 1,000 steps
    python -m benchmarks.sweep warm        # how long until the first chunk
    python -m benchmarks.sweep halving     # what stopping early finds, and saves
    python -m benchmarks.sweep tables

Each starts sweeps as a person does and writes what it finds to benchmarks/results/sweep.json;
`tables` brings docs/sweeps.md up to date with it.
"""
