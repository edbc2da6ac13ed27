"""PPO, what came before it, and methods that hold a policy near the one that acted."""

from jaxac.algos.on_policy.records.papers import A3C, PPO
from jaxac.algos.on_policy.records.words import STANDARD, SYNCHRONOUS, TRUNCATION
from jaxac.record import Paper, Record

TRUST_REGION = (
    "advantages are of GAE, and standardised over the rollout",
    "the Fisher matrix is of every transition, and damped",
    "a critic fitted by Adam",
    TRUNCATION,
)
RECORDS: tuple[Record, ...] = (
    Record(
        key="ppo",
        summary="proximal policy optimisation: clipped ratios, several epochs per rollout",
        make="jaxac.algos.on_policy.ppo:make",
        defaults="jaxac.algos.on_policy.ppo:PPO",
        paper=PPO,
        actions=("Discrete", "Box"),
        deviations=(
            TRUNCATION,
            STANDARD,
            "the value loss is not clipped (slot `value_loss`)",
            "trunks are separate for Atari-like tasks too (slot `net`)",
            "Box actions live in units where [-1, 1] is the range, and are clipped to it",
        ),
        tuned="jaxac.tuned:ppo.toml",
    ),
    Record(
        key="a2c",
        summary="advantage actor-critic: the synchronous form of A3C",
        make="jaxac.algos.on_policy.a2c:make",
        defaults="jaxac.algos.on_policy.a2c:a2c",
        paper=A3C,
        actions=("Discrete", "Box"),
        row="S194",
        deviations=("trunks are separate (slot `net`)", *SYNCHRONOUS),
        tuned="jaxac.tuned:a2c.toml",
    ),
    Record(
        key="a3c",
        summary="actor-critic with gradients of parameters so many updates old",
        make="jaxac.algos.on_policy.a3c:make",
        defaults="jaxac.algos.on_policy.a3c:a3c",
        paper=A3C,
        actions=("Discrete", "Box"),
        row="S194",
        deviations=(
            "all gradients are equally stale",
            "the learning rate is not annealed unless a schedule stands in its place",
            "RMSProp is optax's, whose mean square starts at 0",
            "trunks are separate (slot `net`)",
            "of the paper's four methods this one; `pqn` is nearest to its Q-learning",
            TRUNCATION,
        ),
    ),
    Record(
        key="ppg",
        summary="PPO, and from time to time a phase that teaches the policy's trunk the value",
        make="jaxac.algos.on_policy.ppg:make",
        defaults="jaxac.algos.on_policy.ppg:ppg",
        paper=Paper(
            "Phasic Policy Gradient",
            2020,
            "arXiv:2009.04416",
            "Cobbe, Hilton, Klimov, Schulman",
        ),
        actions=("Discrete", "Box"),
        deviations=(
            "dense trunks (slot `net`)",
            "policy and value take one pass over a rollout together",
            "minibatches of both phases are of one size",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="impala",
        summary="actor-critic that learns several times from a rollout, corrected by V-trace",
        make="jaxac.algos.on_policy.impala:make",
        defaults="jaxac.algos.on_policy.impala:impala",
        paper=Paper(
            "IMPALA: Scalable Distributed Deep-RL with Importance Weighted Actor-Learner "
            "Architectures",
            2018,
            "arXiv:1802.01561",
            "Espeholt, Soyer, Munos, Simonyan, Mnih, Ward, Doron, Firoiu, Harley, Dunning, Legg, "
            "Kavukcuoglu",
        ),
        actions=("Discrete", "Box"),
        deviations=(
            "actors lag behind the learner by the passes over a rollout, not by queues",
            "networks are dense and apart (slot `net`)",
            "the learning rate is not annealed unless a schedule stands in its place",
            TRUNCATION,
        ),
    ),
    Record(
        key="vmpo",
        summary="imitation of the better half, weighed by advantage, within a learned KL bound",
        make="jaxac.algos.on_policy.vmpo:make",
        defaults="jaxac.algos.on_policy.vmpo:VMPO",
        paper=Paper(
            "V-MPO: On-Policy Maximum a Posteriori Policy Optimization for Discrete and Continuous "
            "Control",
            2019,
            "arXiv:1909.12238",
            "Song, Abdolmaleki, Springenberg, Clark, Soyer, Rae, Noury, Ahuja, Liu, Tirumala, "
            "Heess, Belov, Riedmiller, Botvinick",
        ),
        actions=("Discrete", "Box"),
        deviations=(
            "one KL bound for mean and spread of a Gaussian",
            "the better half is that of a minibatch",
            "the old policy is the one that acted, not a copy made every few steps",
            TRUNCATION,
        ),
    ),
    Record(
        key="ppo_kl",
        summary="PPO with a cost on the KL, adapted to a target, in place of clipping",
        make="jaxac.algos.on_policy.ppo_kl:make",
        defaults="jaxac.algos.on_policy.ppo_kl:ppo_kl",
        paper=PPO,
        actions=("Discrete", "Box"),
        deviations=(
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="fixpo",
        summary="PPO with a learned KL penalty and a phase that enforces the bound everywhere",
        make="jaxac.algos.on_policy.fixpo:make",
        defaults="jaxac.algos.on_policy.fixpo:FixPO",
        paper=Paper(
            "Guaranteed Trust Region Optimization via Two-Phase KL Penalization",
            2023,
            "arXiv:2312.05405",
            "Zentner, Puri, Huang, Sukhatme",
        ),
        actions=("Discrete", "Box"),
        row="S233",
        deviations=(
            "from the paper's abstract and summary, without its code: numbers are ours",
            "the multiplier moves once an update, not at every gradient step",
            "fixing steps are of the whole rollout, not of minibatches",
            "should they not do, as much of the update is taken as keeps to the bound",
        ),
    ),
    Record(
        key="mdpo",
        summary="mirror descent: steps on ratios less the KL of new to old over a step size",
        make="jaxac.algos.on_policy.mdpo:make",
        defaults="jaxac.algos.on_policy.mdpo:mdpo",
        paper=Paper(
            "Mirror Descent Policy Optimization",
            2020,
            "arXiv:2005.09814",
            "Tomar, Shani, Efroni, Ghavamzadeh",
        ),
        actions=("Discrete", "Box"),
        row="S120",
        deviations=(
            "the step size ends at 0.01, not 0",
            STANDARD,
            "the on-policy form alone",
            TRUNCATION,
        ),
    ),
    Record(
        key="reppo",
        summary="soft actor-critic on policy: lambda returns, and a KL held at a bound",
        make="jaxac.algos.on_policy.reppo:make",
        defaults="jaxac.algos.on_policy.reppo:reppo",
        paper=Paper(
            "Relative Entropy Pathwise Policy Optimization",
            2025,
            "arXiv:2507.11019",
            "Voelcker, Brunnbauer, Hussing, Nauman, Abbeel, Eaton, Grosu, Farahmand, Gilitschenski",
        ),
        actions=("Box",),
        deviations=(
            "the critic does not predict features of the next observation",
            "the KL is exact, not of sixteen draws",
            "all environments explore alike, so that no trace is cut",
            "two layers of 256 (slots `policy_net`, `critic_net`)",
            TRUNCATION,
        ),
    ),
    Record(
        key="trpo",
        summary="trust region policy optimisation: natural gradient steps of bounded KL",
        make="jaxac.algos.on_policy.trpo:make",
        defaults="jaxac.algos.on_policy.trpo:trpo",
        paper=Paper(
            "Trust Region Policy Optimization",
            2015,
            "arXiv:1502.05477",
            "Schulman, Levine, Moritz, Jordan, Abbeel",
        ),
        actions=("Discrete", "Box"),
        deviations=TRUST_REGION,
    ),
    Record(
        key="npg",
        summary="natural policy gradient: steps of a given KL in the metric of the Fisher matrix",
        make="jaxac.algos.on_policy.trpo:make",
        defaults="jaxac.algos.on_policy.trpo:npg",
        paper=Paper("A Natural Policy Gradient", 2001, "", "Kakade"),
        actions=("Discrete", "Box"),
        deviations=(
            "a step's length is set by its KL, where the paper's is a constant",
            *TRUST_REGION,
        ),
    ),
)
