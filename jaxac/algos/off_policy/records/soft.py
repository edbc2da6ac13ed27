"""Methods with a soft policy, and other targets."""

from jaxac.algos.off_policy.records.words import HAARNOJA, TRUNCATION, UNITS
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="sac",
        summary="soft actor-critic with a learned temperature",
        make="jaxac.algos.off_policy.sac:make",
        defaults="jaxac.algos.off_policy.sac:sac",
        tuned="jaxac.tuned:sac.toml",
        paper=Paper(
            "Soft Actor-Critic Algorithms and Applications", 2018, "arXiv:1812.05905", HAARNOJA
        ),
        actions=("Box",),
        row="S019",
        deviations=(TRUNCATION, UNITS),
    ),
    Record(
        key="sac_discrete",
        summary="soft actor-critic for discrete actions, expectations over actions summed",
        make="jaxac.algos.off_policy.sac_discrete:make",
        defaults="jaxac.algos.off_policy.sac_discrete:SACDiscrete",
        paper=Paper(
            "Soft Actor-Critic for Discrete Action Settings",
            2019,
            "arXiv:1910.07207",
            "Christodoulou",
        ),
        actions=("Discrete",),
        row="S167",
        deviations=(
            TRUNCATION,
            "slow critics move a little at every step, not every 8,000 steps as in its Atari runs",
            "1,000 random steps at the beginning, where the paper has 20,000",
            "dense layers unless networks for images stand in the slots `net`",
        ),
    ),
    Record(
        key="sdsac",
        summary="discrete SAC with an entropy-change penalty, mean critics and clipped critic loss",
        make="jaxac.algos.off_policy.sdsac:make",
        defaults="jaxac.algos.off_policy.sdsac:sdsac",
        paper=Paper(
            "Revisiting Discrete Soft Actor-Critic",
            2022,
            "arXiv:2209.10081",
            "Zhou, Wei, Lin, Li, Xing, Shi, Shen, Yu, Ye",
        ),
        actions=("Discrete",),
        row="S166",
        deviations=(
            TRUNCATION,
            "the larger critic loss is chosen for each sample; the authors' code chooses by batch",
            "step sizes and the learned temperature of `sac_discrete`, not those of its Atari runs",
            "one-step targets, where the authors' code has three steps",
            "a gradient step to four environment steps, where the authors' code has one to ten",
            "a penalty of 0.5 of the squared change of entropy, as in the authors' code; the paper "
            "has half of that",
        ),
    ),
    Record(
        key="sac_v1",
        summary="soft actor-critic as first published, with a network for the value of a state",
        make="jaxac.algos.off_policy.sac_v1:make",
        defaults="jaxac.algos.off_policy.sac_v1:sac_v1",
        paper=Paper(
            "Soft Actor-Critic: Off-Policy Maximum Entropy Deep Reinforcement Learning with a "
            "Stochastic Actor",
            2018,
            "arXiv:1801.01290",
            "Haarnoja, Zhou, Abbeel, Levine",
        ),
        actions=("Box",),
        row="S164",
        deviations=(
            TRUNCATION,
            UNITS,
            "a temperature in place of a reward scale: 0.2 for 5, its value for most tasks",
        ),
    ),
    Record(
        key="aq_l",
        summary="SAC whose expectile loss slides from the best action's value to the policy's",
        make="jaxac.algos.off_policy.aq_l:make",
        defaults="jaxac.algos.off_policy.aq_l:aq_l",
        paper=Paper(
            "Gradual Transition from Bellman Optimality Operator to Bellman Operator in Online "
            "Reinforcement Learning",
            2025,
            "arXiv:2506.05968",
            "Omura, Ota, Osa, Mukuta, Harada",
        ),
        actions=("Box",),
        row="S186",
        deviations=(
            TRUNCATION,
            UNITS,
        ),
    ),
    Record(
        key="bl_sac",
        summary="SAC with targets of a slow critic that is averaged over actions close by",
        make="jaxac.algos.off_policy.bl_sac:make",
        defaults="jaxac.algos.off_policy.bl_sac:bl_sac",
        paper=Paper(
            "Band-limited Soft Actor Critic Model",
            2020,
            "arXiv:2006.11431",
            "Campo, Chen, Kung, Virochsiri, Wang",
        ),
        actions=("Box",),
        row="S183",
        deviations=(
            TRUNCATION,
            UNITS,
            "a Gaussian filter of width 0.1, sampled in pairs of opposite offsets: ours",
            "the filter follows the minimum over critics",
        ),
    ),
    Record(
        key="dr_sac",
        summary="SAC against the worst transition model in a ball around a learned one",
        make="jaxac.algos.off_policy.dr_sac:make",
        defaults="jaxac.algos.off_policy.dr_sac:dr_sac",
        paper=Paper(
            "DR-SAC: Distributionally Robust Soft Actor-Critic for Reinforcement Learning under "
            "Uncertainty",
            2025,
            "arXiv:2506.12622",
            "Cui, Zhou, Han, Hanasusanto, Wang, Zhang, Zhou",
        ),
        actions=("Box",),
        row="S163",
        deviations=(
            TRUNCATION,
            UNITS,
            "the buffer is filled while learning, not a fixed dataset",
            "the value of a next observation by its definition, where the paper has a network",
            "20 draws from the model to a target, where the authors' code has 200",
            "always five steps of the multiplier, which are kept in bounds",
            "the model and multiplier of a target are those before its batch was learned from",
        ),
    ),
    Record(
        key="ace",
        summary="SAC with entropy weighed by each dimension's effect on the reward, and resets",
        make="jaxac.algos.off_policy.ace:make",
        defaults="jaxac.algos.off_policy.ace:ace",
        paper=Paper(
            "ACE: Off-Policy Actor-Critic with Causality-Aware Entropy Regularization",
            2024,
            "arXiv:2402.14528",
            "Ji, Liang, Zeng, Luo, Xu, Guo, Zheng, Huang, Sun, Xu",
        ),
        actions=("Box",),
        row="S224",
        deviations=(
            TRUNCATION,
            UNITS,
            "effects by linear regression on running moments, at every critic step, in place of "
            "DirectLiNGAM on 10,000 transitions every 10,000 steps",
            "the size of an effect counts, where the authors' code has it with its sign",
            "no reset where no neuron is dormant, where the code moves a tenth of the way",
            "slow critics move to the fresh critics too, not to others of their own",
            "networks and counts of `sac`, where the code has three layers of 1,024 and a policy "
            "step to two critic steps",
        ),
    ),
)
