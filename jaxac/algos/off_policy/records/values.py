"""Methods that learn the values of a few actions."""

from jaxac.algos.off_policy.records.words import TRUNCATION
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="dqn",
        summary="deep Q-networks, with slots for double, dueling, n-step, prioritised, C51, QR-DQN",
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
)
