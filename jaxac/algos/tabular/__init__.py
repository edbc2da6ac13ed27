"""Finite decision processes, their exact solutions, and methods that are studied on them.

Also the same processes as environments (`env`). The methods below are functions on arrays, so they
are `Study` records, not `Record`s: they take no environment and no sweep runs them.
"""

from jaxac.record import Paper, Study

STUDIES = (
    Study(
        key="dynamic_pg",
        summary="softmax policies of a finite horizon, trained last stage first",
        entry="jaxac.algos.tabular.dynamic_pg:dynamic",
        paper=Paper(
            "Beyond Stationarity: Convergence Analysis of Stochastic Softmax Policy Gradient "
            "Methods",
            2024,
            "arXiv:2310.02671",
            "Klein, Weissmann, Doering",
        ),
        section="Dynamic policy gradient",
        row="S232",
        deviations=(
            "exact gradients; the sampled setting is left out",
            "a stage ends once its gap is small, where the paper fixes the number of its steps",
            "stages weigh all states alike",
        ),
    ),
    Study(
        key="mac",
        summary="average-reward actor-critic whose batches have a random, mostly short length",
        entry="jaxac.algos.tabular.mac:actor_critic",
        paper=Paper(
            "Beyond Exponentially Fast Mixing in Average-Reward Reinforcement Learning via "
            "Multi-Level Monte Carlo Actor-Critic",
            2023,
            "arXiv:2301.12083",
            "Suttle, Bedi, Patel, Sadler, Koppel, Manocha",
        ),
        section="Multi-level Monte Carlo actor-critic",
        row="S200",
        deviations=(
            "tables for critic and actor",
            "all three steps are normed as the actor's is",
            "that training beats fixed batches is not reproduced, only the estimates' smaller bias",
        ),
    ),
    Study(
        key="performative",
        summary="repeated regularised occupancies where the deployed policy changes the process",
        entry="jaxac.algos.tabular.performative:retrain",
        paper=Paper(
            "Performative Reinforcement Learning",
            2023,
            "arXiv:2207.00046",
            "Mandal, Triantafyllou, Radanovic",
        ),
        section="Performative reinforcement learning",
        row="S214",
        deviations=(
            "occupancies are solved for exactly, by Newton's method on the dual",
            "the variant that learns from finite samples is left out",
            "Garnets with crowding, not the paper's grid world",
        ),
    ),
    Study(
        key="improper",
        summary="a softmax mixture over given controllers, by policy gradient or actor-critic",
        entry="jaxac.algos.tabular.improper:climb",
        paper=Paper(
            "Actor-Critic based Improper Reinforcement Learning",
            2022,
            "arXiv:2207.09090",
            "Zaki, Mohan, Gopalan, Mannor",
        ),
        section="Improper reinforcement learning",
        row="S189",
        deviations=(
            "queues hold a bounded number; the cart and pole are left out",
            "gradients are exact or of rollouts, not of perturbed policies",
            "Fisher's matrix of the weights in closed form",
        ),
    ),
    Study(
        key="optac",
        summary="optimistic critic of Q*, exponential-weights actor, rare switches",
        entry="jaxac.algos.tabular.optac:learn",
        paper=Paper(
            "Actor-Critics Can Achieve Optimal Sample Efficiency",
            2025,
            "arXiv:2505.03710",
            "Tan, Fan, Wei",
        ),
        section="Optimistic actor-critic",
        row="S005",
        deviations=(
            "from the paper's abstract and summary; numbers are ours",
            "tables, where the optimism of the confidence set is a bonus in 1 / sqrt(n)",
            "the critic is fitted anew when a count has doubled",
        ),
    ),
    Study(
        key="p2r",
        summary="comparisons turned into rewards by need; von Neumann winner of preferences",
        entry="jaxac.algos.tabular.p2r:rewards",
        paper=Paper(
            "Is RLHF More Difficult than Standard RL? A Theoretical Perspective",
            2023,
            "arXiv:2306.14111",
            "Wang, Liu, Jin",
        ),
        section="Preferences to rewards",
        row="S251",
        deviations=(
            "utilities are linear in features; the confidence set is an ellipsoid of given radius",
            "preferences over final states, in a process that the player knows",
            "the factored Markov game of general preferences is left out",
        ),
    ),
    Study(
        key="bayesian_pg",
        summary="the policy gradient as an integral that a Gaussian process guesses",
        entry="jaxac.algos.tabular.bayesian_pg:vector_posterior",
        paper=Paper(
            "Bayesian Policy Gradient and Actor-Critic Algorithms",
            2016,
            "arXiv:2604.27563",
            "Ghavamzadeh, Engel, Valko",
        ),
        section="Bayesian policy gradient",
        row="S013",
        deviations=(
            "Fisher's matrix is exact, and a pseudo-inverse stands for its inverse",
            "no sparse dictionary: all samples enter",
            "estimates of the gradient; no training loop",
        ),
    ),
    Study(
        key="apg",
        summary="an additional task is learned beside an unchanged policy, stage by stage",
        entry="jaxac.algos.tabular.apg:adapt",
        paper=Paper(
            "Adaptive Policy Learning to Additional Tasks",
            2023,
            "arXiv:2305.15193",
            "Hao, Lu, Liang, Zhou, Mou",
        ),
        section="Additional tasks",
        row="S243",
        deviations=(
            "one reading of the paper's abstract and summary",
            "linear dynamics that are known, quadratic costs; the paper's simulations are left out",
            "the value is tracked by a backup of ours",
        ),
    ),
    Study(
        key="durations",
        summary="actions that take unequal time, learned from as they finish",
        entry="jaxac.algos.tabular.durations:climb",
        paper=Paper(
            "Reinforcement Learning for Machine Learning Engineering Agents",
            2025,
            "arXiv:2509.01684",
            "Yang, He-Yueya, Liang",
        ),
        section="Actions that take time",
        row="S124",
        deviations=(
            "a bandit with tables for policies; expected gradients",
            "partial credit for progress is left out",
            "the weight is right for workers that repeat an action all through a window; for those "
            "that draw anew it is itself a bias",
        ),
    ),
)
