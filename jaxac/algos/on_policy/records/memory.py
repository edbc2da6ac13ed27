"""Methods that remember."""

from jaxac.algos.on_policy.records.papers import A3C, PPO
from jaxac.algos.on_policy.records.words import STANDARD, SYNCHRONOUS, TRUNCATION
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
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
            STANDARD,
            TRUNCATION,
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
            TRUNCATION,
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
            TRUNCATION,
        ),
    ),
    Record(
        key="decision_s4",
        summary="a policy on a state-space memory that was fitted to episodes, trained by acting",
        make="jaxac.algos.on_policy.decision_s4:make",
        defaults="jaxac.algos.on_policy.decision_s4:decision_s4",
        paper=Paper(
            "Decision S4: Efficient Sequence-Based RL via State Spaces Layers",
            2023,
            "arXiv:2306.05167",
            "Bar-David, Zimerman, Nachmani, Wolf",
        ),
        actions=("Discrete", "Box"),
        row="S252",
        deviations=(
            "PPO, in place of a deterministic actor-critic that replays",
            "diagonal state spaces (S4D), in place of S4; one block unless stacked",
            "the off-policy stage maximises likelihood, in place of a squared distance, and is a "
            "function of its own: `fit`, then `begin`",
            "the last action and the return to go are seen where wrappers show them; the return "
            "that is asked for is not raised by itself",
            TRUNCATION,
        ),
    ),
)
