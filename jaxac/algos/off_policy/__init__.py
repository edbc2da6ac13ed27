"""Off-policy methods: act, remember, draw, learn."""

from jaxac.record import Paper, Record

HAARNOJA = "Haarnoja, Zhou, Hartikainen, Tucker, Ha, Tan, Kumar, Zhu, Gupta, Abbeel, Levine"
TRUNCATION = "episodes cut by the time limit bootstrap from their true last observation"
UNITS = "actions live in [-1, 1] and are scaled to the environment's range"

RECORDS = (
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
    Record(
        key="sac",
        summary="soft actor-critic with a learned temperature",
        make="jaxac.algos.off_policy.sac:make",
        defaults="jaxac.algos.off_policy.sac:sac",
        paper=Paper(
            "Soft Actor-Critic Algorithms and Applications", 2018, "arXiv:1812.05905", HAARNOJA
        ),
        actions=("Box",),
        row="S019",
        deviations=(TRUNCATION, UNITS),
    ),
)
