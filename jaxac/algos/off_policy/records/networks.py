"""Methods that differ by their networks and ensembles."""

from jaxac.algos.off_policy.records.words import TRUNCATION, UNITS
from jaxac.record import Paper, Record

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
        deviations=(TRUNCATION, UNITS),
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
            "batch normalisation, not batch renormalisation; none in the policy",
            "three environment steps, then three critic steps and a policy step, in place of turns",
        ),
    ),
)
