"""What on-policy methods learn.

    python -m benchmarks.on_policy                    the promises: settings that ship, ten seeds
    python -m benchmarks.on_policy learning [NAME ..] methods beside PPO, five seeds
    python -m benchmarks.on_policy tables             what was measured, into docs/on_policy.md

A NAME is a task or a method. Results are in benchmarks/results/on_policy.json and
on_policy_learning.json.
"""
