"""Methods that learn the values of a few actions."""

from jaxac.algos.off_policy.records.words import TRUNCATION
from jaxac.record import Paper, Record

COUNTS = "step size, batch, buffer and counts are those of `dqn`, not of Atari"

RECORDS: tuple[Record, ...] = (
    Record(
        key="dqn",
        summary="deep Q-networks",
        make="jaxac.algos.off_policy.dqn:make",
        defaults="jaxac.algos.off_policy.dqn:DQN",
        paper=Paper(
            "Human-level control through deep reinforcement learning",
            2015,
            "doi:10.1038/nature14236",
            "Mnih, Kavukcuoglu, Silver, Rusu, Veness, Bellemare, Graves, Riedmiller, et al.",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            "Adam, and clipping of the gradient's norm, in place of RMSProp",
            "dense layers unless a network for images stands in the slot `net`",
        ),
    ),
    Record(
        key="double_dqn",
        summary="DQN whose values now choose the next action that the slow copy values",
        make="jaxac.algos.off_policy.double_dqn:make",
        defaults="jaxac.algos.off_policy.double_dqn:double_dqn",
        paper=Paper(
            "Deep Reinforcement Learning with Double Q-learning",
            2016,
            "arXiv:1509.06461",
            "van Hasselt, Guez, Silver",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            COUNTS,
        ),
    ),
    Record(
        key="dueling_dqn",
        summary="Double DQN of a value and advantages",
        make="jaxac.algos.off_policy.dueling_dqn:make",
        defaults="jaxac.algos.off_policy.dueling_dqn:dueling_dqn",
        paper=Paper(
            "Dueling Network Architectures for Deep Reinforcement Learning",
            2016,
            "arXiv:1511.06581",
            "Wang, Schaul, Hessel, van Hasselt, Lanctot, de Freitas",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            COUNTS,
            "the gradient that enters the trunk is not scaled by 1 / sqrt(2)",
        ),
    ),
    Record(
        key="c51",
        summary="DQN whose network says how the return is shared out over 51 values",
        make="jaxac.algos.off_policy.c51:make",
        defaults="jaxac.algos.off_policy.c51:c51",
        paper=Paper(
            "A Distributional Perspective on Reinforcement Learning",
            2017,
            "arXiv:1707.06887",
            "Bellemare, Dabney, Munos",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            COUNTS,
            "the grid is [-10, 10] unless `returns.low` and `returns.high` say otherwise",
        ),
    ),
    Record(
        key="qr_dqn",
        summary="DQN whose network says 200 quantiles of the return",
        make="jaxac.algos.off_policy.qr_dqn:make",
        defaults="jaxac.algos.off_policy.qr_dqn:qr_dqn",
        paper=Paper(
            "Distributional Reinforcement Learning with Quantile Regression",
            2018,
            "arXiv:1710.10044",
            "Dabney, Rowland, Bellemare, Munos",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            COUNTS,
        ),
    ),
    Record(
        key="iqn",
        summary="DQN that is asked for quantiles of the return at fractions drawn at random",
        make="jaxac.algos.off_policy.iqn:make",
        defaults="jaxac.algos.off_policy.iqn:iqn",
        paper=Paper(
            "Implicit Quantile Networks for Distributional Reinforcement Learning",
            2018,
            "arXiv:1806.06923",
            "Dabney, Ostrovski, Silver, Munos",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            COUNTS,
            "the next action is chosen by the target's own quantiles, not by 32 more",
            "without noise it acts by 64 evenly spaced quantiles",
        ),
    ),
    Record(
        key="munchausen_dqn",
        summary="DQN with a soft policy whose log-probability is paid as reward",
        make="jaxac.algos.off_policy.munchausen_dqn:make",
        defaults="jaxac.algos.off_policy.munchausen_dqn:munchausen_dqn",
        paper=Paper(
            "Munchausen Reinforcement Learning",
            2020,
            "arXiv:2007.14430",
            "Vieillard, Pietquin, Geist",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            COUNTS,
            "squared errors, where the authors' code has Huber's loss",
        ),
    ),
    Record(
        key="rainbow",
        summary="double, dueling, prioritised, three-step, noisy C51",
        make="jaxac.algos.off_policy.rainbow:make",
        defaults="jaxac.algos.off_policy.rainbow:rainbow",
        paper=Paper(
            "Rainbow: Combining Improvements in Deep Reinforcement Learning",
            2018,
            "arXiv:1710.02298",
            "Hessel, Modayil, van Hasselt, Schaul, Ostrovski, Dabney, Horgan, Piot, Azar, Silver",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            COUNTS,
            "the trunk below the two streams is not noisy",
            "priorities are cross-entropies, the divergence and the entropy of the target",
        ),
    ),
    Record(
        key="iterated_qn",
        summary="i-QN on DQN: a chain of value functions, each the target of the next",
        make="jaxac.algos.off_policy.iterated_qn:make",
        defaults="jaxac.algos.off_policy.iterated_qn:IteratedDQN",
        paper=Paper(
            "Iterated Q-Network: Beyond One-Step Bellman Updates in Deep Reinforcement Learning",
            2024,
            "arXiv:2403.02107",
            "Vincent, Palenicek, Belousov, Peters, D'Eramo",
        ),
        actions=("Discrete",),
        row="S199",
        deviations=(
            TRUNCATION,
            COUNTS,
            "the functions share no layers",
            "the last function of the chain is the deterministic policy",
            "Huber's loss, where the authors' code has squared errors",
        ),
    ),
    Record(
        key="pqn",
        summary="parallelised Q-learning: lambda returns and layer norm, no replay, no slow copy",
        make="jaxac.algos.off_policy.pqn:make",
        defaults="jaxac.algos.off_policy.pqn:PQN",
        paper=Paper(
            "Simplifying Deep Temporal Difference Learning",
            2024,
            "arXiv:2407.04811",
            "Gallici, Fellows, Ellis, Pou, Masmitja, Foerster, Martin",
        ),
        actions=("Discrete",),
        deviations=(
            TRUNCATION,
            "Adam in place of RAdam",
            "exploration ends at 0.05, as in the authors' settings for MinAtar",
            "dense layers unless a network for images stands in the slot `net`",
        ),
    ),
)
