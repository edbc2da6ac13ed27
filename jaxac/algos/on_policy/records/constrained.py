"""Methods that keep costs low."""

from jaxac.algos.on_policy.records.words import STANDARD, TRUNCATION
from jaxac.record import Paper, Record

RATE = "the bound is of the mean cost of a step, not of an episode"
ONE_CRITIC = "one critic, of rewards less costs, in place of two"

RECORDS: tuple[Record, ...] = (
    Record(
        key="lagrangian",
        summary="PPO on rewards less costs, whose price rises while costs are too high",
        make="jaxac.algos.on_policy.lagrangian:make",
        defaults="jaxac.algos.on_policy.lagrangian:Lagrangian",
        paper=Paper(
            "Benchmarking Safe Exploration in Deep Reinforcement Learning",
            2019,
            "",
            "Ray, Achiam, Amodei",
        ),
        actions=("Discrete", "Box"),
        deviations=(RATE, ONE_CRITIC, STANDARD, TRUNCATION),
    ),
    Record(
        key="reload",
        summary="PPO under a constraint, policy and price moved by extrapolated gradients",
        make="jaxac.algos.on_policy.reload:make",
        defaults="jaxac.algos.on_policy.reload:reload",
        paper=Paper(
            "ReLOAD: Reinforcement Learning with Optimistic Ascent-Descent for Last-Iterate "
            "Convergence in Constrained MDPs",
            2023,
            "arXiv:2302.01275",
            "Moskovitz, O'Donoghue, Veeriah, Flennerhag, Singh, Zahavy",
        ),
        actions=("Discrete", "Box"),
        row="S253",
        deviations=(
            "from the paper's abstract; on PPO, with Adam behind the extrapolation",
            RATE,
            ONE_CRITIC,
            STANDARD,
            TRUNCATION,
        ),
    ),
)
