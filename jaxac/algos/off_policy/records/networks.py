"""Methods that differ by their networks and ensembles."""

from jaxac.algos.off_policy.records.words import KEPT, TRUNCATION, UNITS
from jaxac.record import Paper, Record

ONE_CRITIC = "one critic everywhere, not the least of two where episodes can end"
DISCOUNT = "the discount is a setting, not chosen by the length of the task's episodes"
TARGET = "the target entropy is minus the number of action dimensions, not chosen by task"

RECORDS: tuple[Record, ...] = (
    Record(
        key="redq",
        summary="SAC with ten critics, targets of two drawn ones, twenty critic steps a step",
        make="jaxac.algos.off_policy.redq:make",
        defaults="jaxac.algos.off_policy.redq:redq",
        paper=Paper(
            "Randomized Ensembled Double Q-Learning: Learning Fast Without a Model",
            2021,
            "arXiv:2101.05982",
            "Chen, Wang, Zhou, Ross",
        ),
        actions=("Box",),
        deviations=(TRUNCATION, UNITS, TARGET, KEPT),
    ),
    Record(
        key="droq",
        summary="SAC with dropout and layer normalisation in the critics, twenty critic steps",
        make="jaxac.algos.off_policy.droq:make",
        defaults="jaxac.algos.off_policy.droq:droq",
        paper=Paper(
            "Dropout Q-Functions for Doubly Efficient Reinforcement Learning",
            2022,
            "arXiv:2110.02034",
            "Hiraoka, Imagawa, Hashimoto, Onishi, Tsuruoka",
        ),
        actions=("Box",),
        row="S177",
        deviations=(
            TRUNCATION,
            UNITS,
            "one dropout rate, 0.01, where the paper has one for each task",
            TARGET,
            KEPT,
        ),
    ),
    Record(
        key="tqc",
        summary="SAC with pooled quantile critics, the largest quantiles dropped",
        make="jaxac.algos.off_policy.tqc:make",
        defaults="jaxac.algos.off_policy.tqc:tqc",
        paper=Paper(
            "Controlling Overestimation Bias with Truncated Mixture of Continuous Distributional "
            "Quantile Critics",
            2020,
            "arXiv:2005.04269",
            "Kuznetsov, Shvechikov, Grishin, Vetrov",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "the loss is the sum over a critic's quantiles, not their mean",
            "two quantiles of each critic are dropped; the paper has 0, 2 or 5 by task",
            "1,000 random steps at the beginning, where the authors' PyTorch code learns after 256 "
            "of the policy's own",
            KEPT,
        ),
    ),
    Record(
        key="crossq",
        summary="SAC without slow copies, critics with batch normalisation",
        make="jaxac.algos.off_policy.crossq:make",
        defaults="jaxac.algos.off_policy.crossq:crossq",
        paper=Paper(
            "CrossQ: Batch Normalization in Deep Reinforcement Learning for Greater Sample "
            "Efficiency and Simplicity",
            2024,
            "arXiv:1902.05605",
            "Bhatt, Palenicek, Belousov, Argus, Amiranashvili, Brox, Peters",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "batch normalisation, where the code turns to renormalisation after 100,000 steps; "
            "none in the policy",
            "three environment steps, then three critic steps and a policy step, in place of turns",
            KEPT,
        ),
    ),
    Record(
        key="simba_sac",
        summary="SAC on SimBa: residual blocks, normalised observations, AdamW",
        make="jaxac.algos.off_policy.simba_sac:make",
        defaults="jaxac.algos.off_policy.simba_sac:simba_sac",
        paper=Paper(
            "SimBa: Simplicity Bias for Scaling Up Parameters in Deep Reinforcement Learning",
            2024,
            "arXiv:2410.09754",
            "Lee, Hwang, Kim, Kim, Tai, Subramanian, Wurman, Choo, Stone, Seno",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            ONE_CRITIC,
            DISCOUNT,
            "statistics are applied to a batch when it is drawn, not when it is stored",
        ),
    ),
    Record(
        key="simba_v2",
        summary="SAC with features and weights on unit hyperspheres, categorical critic",
        make="jaxac.algos.off_policy.simba_v2:make",
        defaults="jaxac.algos.off_policy.simba_v2:simba_v2",
        paper=Paper(
            "Hyperspherical Normalization for Scalable Deep Reinforcement Learning",
            2025,
            "arXiv:2502.15280",
            "Lee, Lee, Seno, Kim, Stone, Choo",
        ),
        actions=("Box",),
        row="S169",
        deviations=(
            TRUNCATION,
            UNITS,
            ONE_CRITIC,
            DISCOUNT,
            "mean and spread of the policy share the first matrix of the last layer",
            "the critics' step comes before the policy's, not after it",
        ),
    ),
    Record(
        key="fast_sac",
        summary="SAC with many environments, large batches, categorical critics apart",
        make="jaxac.algos.off_policy.fast_sac:make",
        defaults="jaxac.algos.off_policy.fast_sac:fast_sac",
        paper=Paper(
            "Learning Sim-to-Real Humanoid Locomotion in 15 Minutes",
            2025,
            "arXiv:2512.01996",
            "Seo, Sferrazza, Chen, Shi, Duan, Abbeel",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "a million transitions kept, in place of 1,024 of each environment; float32",
            "the temperature moves with the policy's steps, not the critics', and does not decay",
            "no symmetric copies of transitions; actions are scaled by the space's range",
        ),
    ),
    Record(
        key="bro",
        summary="SAC with large regularised quantile critics, resets and an optimistic explorer",
        make="jaxac.algos.off_policy.bro:make",
        defaults="jaxac.algos.off_policy.bro:bro",
        paper=Paper(
            "Bigger, Regularized, Optimistic: Scaling for Compute and Sample-Efficient Continuous "
            "Control",
            2024,
            "arXiv:2405.16158",
            "Nauman, Ostaszewski, Jankowski, Milos, Cygan",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "Adam keeps 0.9 of the mean gradient of the temperature, not 0.5",
            "resets are counted in critic steps, of ten an environment step after 2,500",
            "mean and spread of the policy share one matrix, drawn orthogonal as a whole",
        ),
    ),
    Record(
        key="hyper_critic",
        summary="TD3 whose critics' weights on the action are made from the observation",
        make="jaxac.algos.off_policy.hyper_critic:make",
        defaults="jaxac.algos.off_policy.hyper_critic:hyper_critic",
        paper=Paper(
            "Recomposing the Reinforcement Learning Building Blocks with Hypernetworks",
            2021,
            "arXiv:2106.06842",
            "Sarafian, Keynan, Kraus",
        ),
        actions=("Box",),
        row="S207",
        deviations=(
            TRUNCATION,
            UNITS,
            "for actor-critics alone, not for policies in meta-learning",
            "made weights begin with the variance of ordinary ones, made scales at 1 and shifts "
            "at 0; the code draws all within fixed bounds",
            "batches of 256, in place of 100",
        ),
    ),
)
