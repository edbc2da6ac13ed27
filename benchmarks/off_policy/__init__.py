"""What the off-policy family promises: how fast it is, and what it learns.

    python -m benchmarks.off_policy rejax      # SAC on Pendulum beside Rejax's, interleaved
    python -m benchmarks.off_policy limit      # SAC's wide networks beside bare products
    python -m benchmarks.off_policy laws       # prioritised drawing, trees of several widths
    python -m benchmarks.off_policy learning   # every method on its tasks, five seeds or more
    python -m benchmarks.off_policy tables     # write what was measured into the documentation

`rejax` needs the package of that name (`python -m pip install rejax==0.1.3`). `learning NAME ...`
takes some tasks or methods alone. Each measure is merged into benchmarks/results/off_policy.json.
"""
