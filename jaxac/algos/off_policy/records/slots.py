"""Methods with parts of their own kind: encoders, sampled policies, codes of actions."""

from jaxac.algos.off_policy.records.words import TRUNCATION, UNITS
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="drq",
        summary="SAC from pixels, targets and losses averaged over random shifts of the images",
        make="jaxac.algos.off_policy.drq:make",
        defaults="jaxac.algos.off_policy.drq:drq",
        paper=Paper(
            "Image Augmentation Is All You Need: Regularizing Deep Reinforcement Learning from "
            "Pixels",
            2020,
            "arXiv:2004.13649",
            "Kostrikov, Yarats, Fergus",
        ),
        actions=("Box",),
        row="S175",
        deviations=(
            TRUNCATION,
            UNITS,
            "the policy sees the critics' features; the authors' code gives it the encoder's last "
            "layer anew",
            "two environment steps, then two critic steps and a policy step, in place of turns",
            "the critics' loss is averaged over the shifted copies, as in the paper; the authors' "
            "code sums it",
            "repeated actions and stacked frames are wrappers of the environment",
        ),
    ),
    Record(
        key="idql",
        summary="implicit Q-learning, acting by the best of a diffusion policy's draws",
        make="jaxac.algos.off_policy.idql:make",
        defaults="jaxac.algos.off_policy.idql:IDQL",
        paper=Paper(
            "IDQL: Implicit Q-Learning as an Actor-Critic Method with Diffusion Policies",
            2023,
            "arXiv:2304.10573",
            "Hansen-Estruch, Kostrikov, Janner, Kuba, Levine",
        ),
        actions=("Box",),
        row="S188",
        deviations=(
            TRUNCATION,
            UNITS,
            "the buffer is what the run has lived through, random steps first, as in the paper's "
            "online part; nothing is learned from logged data before",
            "one batch of 256 for values and policy, where the authors' code has 512 for the "
            "policy; constant step sizes, where it lets the policy's decay",
            "the value's loss has the factor that its definition gives; the code's exponential "
            "loss stops the gradient of a factor",
            "the deterministic policy draws from the same noise in every state",
        ),
    ),
    Record(
        key="saq",
        summary="discrete conservative Q-learning on learned codes of continuous actions",
        make="jaxac.algos.off_policy.saq:make",
        defaults="jaxac.algos.off_policy.saq:saq",
        paper=Paper(
            "Action-Quantized Offline Reinforcement Learning for Robotic Skill Learning",
            2023,
            "arXiv:2310.11731",
            "Luo, Dong, Wu, Kumar, Geng, Levine",
        ),
        actions=("Box",),
        row="S228",
        deviations=(
            TRUNCATION,
            UNITS,
            "codec and values learn together from what the run has lived through; the paper "
            "learns the codec first, from logged data, and keeps it",
            "codes that are unlikely in a state are not ruled out by a learned prior",
            "the weight of CQL's penalty is 1 for all tasks; Huber's loss, as in `dqn`",
        ),
    ),
)
