"""What off-policy methods learn: the rows of the learning benchmark."""

from benchmarks.learning import Book, Row, Task

NARROW = {"*hidden": [64, 64], "*net*width": 64}
FAST = {**NARROW, "actor.learning_rate": 1e-3, "critic.learning_rate": 1e-3}
ONE_TO_ONE = {"num_envs": 1, "batch_size": 256, "critic_steps": 1, "num_rounds": 1}
"""An update on as many transitions to a step as SAC's, for methods of many environments."""
FEW = {"batch_size": 32}
"""Of sequences of 20 transitions."""
GRID = {"codec": {"op": "Grid", "bins": 9}}


TASKS = {
    "pendulum": Task("Pendulum-v1", 20_000, FAST, "networks of 64 x 64, rates of 0.001"),
    "pendulum short": Task(
        "Pendulum-v1", 5_000, {**FAST, "warm_up": 500}, "the same, 500 random steps"
    ),
    "mountain car": Task("classic/MountainCarContinuous-v0", 50_000, {}, "settings that ship"),
    "cartpole": Task(
        "CartPole-v1",
        50_000,
        {
            "*hidden": [128, 128],
            "returns.low": 0.0,
            "returns.high": 100.0,
            "*learning_rate": {"op": "Linear", "start": 5e-4, "end": 0.0},
            "*slow": {"op": "Polyak", "tau": 0.005},
            "num_rounds": 4,
            "batch_size": 128,
            "replay.capacity": 50_000,
        },
        "an update on 128 transitions to a step, 128 x 128 networks, rates that fall from 0.0005",
    ),
    "brax": Task("brax/inverted_pendulum", 20_000, FAST, "networks of 64 x 64, rates of 0.001"),
    "acrobot": Task("Acrobot-v1", 50_000, {}, "as on CartPole"),
}
TASKS["acrobot"] = TASKS["acrobot"]._replace(patterns=TASKS["cartpole"].patterns)

ROWS = [
    Row("pendulum", "ddpg", "ddpg"),
    Row("pendulum", "td3", "td3", "ddpg", least=-170.0),
    Row("pendulum", "sac", "sac", "td3", least=-170.0),
    Row("pendulum", "aro_ddpg", "aro_ddpg", "td3"),
    Row("pendulum", "d4pg", "d4pg", "ddpg"),
    *[
        Row("pendulum", name, name, parent)
        for name, parent in (
            ("sac_v1", "sac"),
            ("aq_l", "sac"),
            ("bl_sac", "sac"),
            ("dsac_v1", "sac"),
            ("dsac_t", "dsac_v1"),
            ("stac", "sac"),
            ("tqc", "sac"),
            ("crossq", "sac"),
            ("idac", "sac"),
            ("ace", "sac"),
            ("dr_sac", "sac"),
            ("hyper_critic", "td3"),
            ("td3_bc", "td3"),
            ("symphony", "ddpg"),
        )
    ],
    Row("pendulum", "simba_sac", "simba_sac", "sac", {"num_rounds": 1, "warm_up": 1_000}),
    Row("pendulum", "simba_v2", "simba_v2", "simba_sac", {"warm_up": 1_000}),
    Row(
        "pendulum",
        "fast_sac",
        "fast_sac",
        "sac",
        {**ONE_TO_ONE, "warm_up": 1_000, "critic.returns.low": -550.0, "critic.returns.high": 0.0},
    ),
    Row(
        "pendulum",
        "fast_td3",
        "fast_td3",
        "td3",
        {**ONE_TO_ONE, "critic.returns.low": -1_650.0, "critic.returns.high": 0.0},
    ),
    Row("pendulum", "saq, a grid of 9", "saq", "sac", {**GRID, "learning_rate": 1e-3}),
    Row("pendulum", "saq", "saq", "saq, a grid of 9", {"learning_rate": 1e-3}),
    Row("pendulum", "idql", "idql", "sac"),
    Row("pendulum short", "sac", "sac"),
    Row("pendulum short", "sac, 20 critic steps", "sac", "sac", {"critic_steps": 20}),
    Row("pendulum short", "redq", "redq", "sac, 20 critic steps"),
    Row("pendulum short", "droq", "droq", "sac, 20 critic steps"),
    Row("pendulum short", "sac, 10 rounds", "sac", "sac", {"num_rounds": 10}),
    Row("pendulum short", "bro", "bro", "sac, 10 rounds"),
    Row("mountain car", "sac", "sac", least=94.0),
    Row("brax", "td3", "td3"),
    Row("brax", "sac", "sac", "td3"),
    *[
        Row("cartpole", name, name, parent)
        for name, parent in (
            ("dqn", ""),
            ("double_dqn", "dqn"),
            ("dueling_dqn", "dqn"),
            ("munchausen_dqn", "dqn"),
            ("c51", "dqn"),
            ("iqn", "qr_dqn"),
            ("iterated_qn", "dqn"),
            ("rainbow", "dqn"),
            ("sac_discrete", "dqn"),
            ("sdsac", "sac_discrete"),
        )
    ],
    Row("cartpole", "pqn", "pqn", "dqn", {"num_envs": 8}),
    Row("cartpole", "qr_dqn", "qr_dqn", "dqn", {"returns.num": 50}),
    Row("cartpole", "domo_ac, a step ahead", "domo_ac", "dqn", {**FEW, "lookahead": 1}),
    Row("cartpole", "domo_ac", "domo_ac", "domo_ac, a step ahead", FEW),
    *[
        Row("acrobot", name, name, parent)
        for name, parent in (("dqn", ""), ("double_dqn", "dqn"), ("sac_discrete", "dqn"))
    ],
]

BOOK = Book(TASKS, ROWS)
