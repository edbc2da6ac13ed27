"""Methods with a deterministic policy."""

from jaxac.algos.off_policy.records.words import TRUNCATION, UNITS
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="ddpg",
        summary="deep deterministic policy gradient",
        make="jaxac.algos.off_policy.ddpg:make",
        defaults="jaxac.algos.off_policy.ddpg:ddpg",
        paper=Paper(
            "Continuous control with deep reinforcement learning",
            2016,
            "arXiv:1509.02971",
            "Lillicrap, Hunt, Pritzel, Heess, Erez, Tassa, Silver, Wierstra",
        ),
        actions=("Box",),
        row="S190",
        deviations=(
            TRUNCATION,
            UNITS,
            "two layers of 256, the action in the first; no batch normalisation, no weight decay",
        ),
    ),
    Record(
        key="td3",
        summary="twin delayed DDPG: the least of two critics, delayed policy, smoothed targets",
        make="jaxac.algos.off_policy.td3:make",
        defaults="jaxac.algos.off_policy.td3:td3",
        paper=Paper(
            "Addressing Function Approximation Error in Actor-Critic Methods",
            2018,
            "arXiv:1802.09477",
            "Fujimoto, van Hoof, Meger",
        ),
        actions=("Box",),
        row="S205",
        deviations=(
            TRUNCATION,
            UNITS,
            "two environment steps, then two critic steps and a policy step, in place of turns",
            "1,000 random steps at the beginning, where the paper has 1,000 or 10,000 by task",
        ),
    ),
    Record(
        key="td3_bc",
        summary="TD3 whose policy also clones the buffer's actions",
        make="jaxac.algos.off_policy.td3_bc:make",
        defaults="jaxac.algos.off_policy.td3_bc:td3_bc",
        paper=Paper(
            "A Minimalist Approach to Offline Reinforcement Learning",
            2021,
            "arXiv:2106.06860",
            "Fujimoto, Gu",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "the buffer is filled while learning, not a fixed dataset",
            "observations are standardised only with `norm.obs`",
        ),
    ),
)
