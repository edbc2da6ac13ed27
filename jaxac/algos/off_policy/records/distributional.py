"""Methods whose critics say distributions."""

from jaxac.algos.off_policy.records.words import KEPT, TRUNCATION, UNITS
from jaxac.record import Paper, Record

WARM_UP = "1,000 random steps at the beginning, where the paper's code has 10,000"
DSAC = (
    "a critic step to one environment step, where the authors' scripts have one to 20; log "
    "deviations of the policy up to 2, not 0.5; a temperature that begins at 1, not e"
)

RECORDS: tuple[Record, ...] = (
    Record(
        key="d4pg",
        summary="DDPG with a categorical critic, five-step targets and prioritised replay",
        make="jaxac.algos.off_policy.d4pg:make",
        defaults="jaxac.algos.off_policy.d4pg:d4pg",
        paper=Paper(
            "Distributed Distributional Deterministic Policy Gradients",
            2018,
            "arXiv:1804.08617",
            "Barth-Maron, Hoffman, Budden, Dabney, Horgan, TB, Muldal, Heess, Lillicrap",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "one learner with parallel environments in place of distributed actors, and a gradient "
            "step to each environment step",
            "priorities are cross-entropies to the power 0.6, a choice of ours; weights are over "
            "the largest of the batch",
            "two layers of 256; 100,000 transitions kept",
        ),
    ),
    Record(
        key="dsac_v1",
        summary="SAC with a Gaussian of the return, trained by likelihood to drawn returns",
        make="jaxac.algos.off_policy.dsac_v1:make",
        defaults="jaxac.algos.off_policy.dsac_v1:dsac_v1",
        paper=Paper(
            "Distributional Soft Actor-Critic: Off-Policy Reinforcement Learning for Addressing "
            "Value Estimation Errors",
            2021,
            "arXiv:2001.02811",
            "Duan, Guan, Li, Ren, Sun, Cheng",
        ),
        actions=("Box",),
        row="S162",
        deviations=(
            TRUNCATION,
            UNITS,
            WARM_UP,
            "gradients and rates of the authors' later code: clipping in the deviation's gradient "
            "alone, 0.1 in denominators in place of a floor of the deviation",
            "a return is clipped 20 from the mean; the authors' scripts have 1, 10 or 20 by task",
            "two environment steps, then two critic steps and a policy step, in place of turns",
            DSAC,
            KEPT,
        ),
    ),
    Record(
        key="dsac_t",
        summary="DSAC with expected value substitution, twin critics and steps free of scale",
        make="jaxac.algos.off_policy.dsac_t:make",
        defaults="jaxac.algos.off_policy.dsac_t:dsac_t",
        paper=Paper(
            "Distributional Soft Actor-Critic with Three Refinements",
            2023,
            "arXiv:2310.05858",
            "Duan, Wang, Xiao, Gao, Li, Liu, Zhang, Cheng, Li",
        ),
        actions=("Box",),
        row="S090",
        deviations=(
            TRUNCATION,
            UNITS,
            WARM_UP,
            "squared errors and one weight for a critic, as in the paper; the authors' code has "
            "Huber's loss and a clipped weight for each row",
            "two environment steps, then two critic steps and a policy step, in place of turns",
            DSAC,
            KEPT,
        ),
    ),
    Record(
        key="stac",
        summary="SAC with one Gaussian critic, less its deviation, and dropout",
        make="jaxac.algos.off_policy.stac:make",
        defaults="jaxac.algos.off_policy.stac:stac",
        paper=Paper(
            "Stochastic Actor-Critic: Mitigating Overestimation via Temporal Aleatoric Uncertainty",
            2026,
            "arXiv:2601.00737",
            "Özalp",
        ),
        actions=("Box",),
        row="S009",
        deviations=(
            TRUNCATION,
            UNITS,
            WARM_UP,
            "one beta, 0.25, and dropout of 0.01 in both networks, where the paper has the best by "
            "task; a floor of the deviation of 0.001",
        ),
    ),
    Record(
        key="idac",
        summary="SAC whose critics generate returns from noise, with a semi-implicit policy",
        make="jaxac.algos.off_policy.idac:make",
        defaults="jaxac.algos.off_policy.idac:idac",
        paper=Paper(
            "Implicit Distributional Reinforcement Learning",
            2020,
            "arXiv:2007.06159",
            "Yue, Wang, Zhou",
        ),
        actions=("Box",),
        row="S198",
        deviations=(
            TRUNCATION,
            UNITS,
            WARM_UP,
            "entropy in the targets and normalised layers of the critics, as in the authors' "
            "PyTorch code; no clipping of densities",
            "one action for each observation of the policy's step, in place of 51",
        ),
    ),
)
