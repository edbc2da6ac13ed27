"""On-policy methods: act, collect, learn, discard."""

from jaxac.record import Paper, Record

PPO = Paper(
    "Proximal Policy Optimization Algorithms",
    2017,
    "arXiv:1707.06347",
    "Schulman, Wolski, Dhariwal, Radford, Klimov",
)
A3C = Paper(
    "Asynchronous Methods for Deep Reinforcement Learning",
    2016,
    "arXiv:1602.01783",
    "Mnih, Puigdomenech Badia, Mirza, Graves, Lillicrap, Harley, Silver, Kavukcuoglu",
)
SYNCHRONOUS = (
    "environments step in lockstep, so no gradient is stale",
    "the learning rate is not annealed unless a schedule stands in its place",
    "RMSProp is optax's, whose mean square starts at 0 (1 in OpenAI Baselines)",
    "episodes cut by the time limit bootstrap from their true last observation",
)
TRUST_REGION = (
    "advantages are of GAE, and standardised over the rollout",
    "the Fisher matrix is of every transition, and damped",
    "a critic fitted by Adam",
    "episodes cut by the time limit bootstrap from their true last observation",
)
RECORDS = (
    Record(
        key="ppo",
        summary="proximal policy optimisation: clipped ratios, several epochs per rollout",
        make="jaxac.algos.on_policy.ppo:make",
        defaults="jaxac.algos.on_policy.ppo:PPO",
        paper=PPO,
        actions=("Discrete", "Box"),
        deviations=(
            "episodes cut by the time limit bootstrap from their true last observation",
            "advantages are standardised per minibatch (slot `advantage`)",
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
            "episodes cut by the time limit bootstrap from their true last observation",
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
            "episodes cut by the time limit bootstrap from their true last observation",
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
            "advantages are standardised per minibatch (slot `advantage`)",
            "episodes cut by the time limit bootstrap from their true last observation",
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
            "advantages are standardised per minibatch (slot `advantage`)",
            "the on-policy form alone",
            "episodes cut by the time limit bootstrap from their true last observation",
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
    Record(
        key="recurrent_ppo",
        summary="PPO with a memory: gated recurrent units, or any other core",
        make="jaxac.algos.on_policy.recurrent_ppo:make",
        defaults="jaxac.algos.on_policy.recurrent_ppo:recurrent_ppo",
        paper=PPO,
        actions=("Discrete", "Box"),
        deviations=(
            "with memory as in arXiv:2110.05038 and arXiv:2303.01859, which the paper has not",
            "the memory at a rollout's start is not computed anew within an update",
            "advantages are standardised per minibatch (slot `advantage`)",
            "episodes cut by the time limit bootstrap from their true last observation",
        ),
    ),
    Record(
        key="recurrent_a2c",
        summary="A2C with a memory: an LSTM, or any other core",
        make="jaxac.algos.on_policy.recurrent_a2c:make",
        defaults="jaxac.algos.on_policy.recurrent_a2c:recurrent_a2c",
        paper=A3C,
        actions=("Discrete", "Box"),
        deviations=("rollouts of 20 steps, not 5", *SYNCHRONOUS),
    ),
    Record(
        key="rtrl_ac",
        summary="actor-critic whose memory learns from the whole past, by carried derivatives",
        make="jaxac.algos.on_policy.rtrl_ac:make",
        defaults="jaxac.algos.on_policy.rtrl_ac:rtrl_ac",
        paper=Paper(
            "Exploring the Promise and Limits of Real-Time Recurrent Learning",
            2023,
            "arXiv:2305.19044",
            "Irie, Gopalakrishnan, Schmidhuber",
        ),
        actions=("Discrete", "Box"),
        row="S208",
        deviations=(
            "actors lag behind the learner by the passes over a rollout, not by queues",
            "within a rollout the same gradient is summed by backpropagation",
            "the learning rate is not annealed unless a schedule stands in its place",
            "episodes cut by the time limit bootstrap from their true last observation",
        ),
    ),
    Record(
        key="relic",
        summary="in-context learning: a transformer with sinks, updated within long episodes",
        make="jaxac.algos.on_policy.relic:make",
        defaults="jaxac.algos.on_policy.relic:relic",
        paper=Paper(
            "ReLIC: A Recipe for 64k Steps of In-Context Reinforcement Learning for Embodied AI",
            2024,
            "arXiv:2410.02751",
            "Elawady, Chhablani, Ramrakhya, Yadav, Batra, Kira, Szot",
        ),
        actions=("Discrete", "Box"),
        row="S244",
        deviations=(
            "attention reaches back over a window, not to the start of the context",
            "gradients reach back to the rollout's start",
            "partial updates alone: none of the whole context follows them",
            "distances have learned biases, in place of rotary positions",
            "the learning rate is neither warmed up nor annealed unless a schedule does it",
            "episodes cut by the time limit bootstrap from their true last observation",
        ),
    ),
)
