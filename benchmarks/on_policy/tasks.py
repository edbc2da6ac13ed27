"""What on-policy methods learn: the rows of the learning benchmark."""

from typing import Any

from benchmarks.learning import Book, Row, Task

ROLLOUT = {"num_envs": 16, "num_steps": 125, "net.hidden": [64, 64]}
CARTPOLE: dict[str, Any] = {
    **ROLLOUT,
    "num_minibatches": 5,
    "learning_rate": {"op": "Linear", "start": 4e-3, "end": 0.0},
}
PENDULUM: dict[str, Any] = {
    **ROLLOUT,
    "gamma": 0.95,
    "entropy_coef": 0.0,
    "norm.obs": "Standard",
    "norm.reward": "ByReturn",
    "num_epochs": 10,
    "num_minibatches": 10,
    "learning_rate": {"op": "Linear", "start": 1e-3, "end": 0.0},
}
ABOUT = "the settings that ship for PPO on it"

TASKS = {
    "cartpole": Task("CartPole-v1", 100_000, CARTPOLE, ABOUT),
    "pendulum": Task("Pendulum-v1", 200_000, PENDULUM, ABOUT),
    "hazards": Task(
        "tabular/Hazards-3x6",
        100_000,
        {**CARTPOLE, "bound": 0.0, "multiplier.rate": 1.0},
        "hazards forbidden; the free way round is worth 0.65, the dear one 0.75",
        digits=2,
    ),
    "tmaze": Task(
        "memory/TMaze-10",
        200_000,
        {"num_envs": 32, "num_steps": 32, "learning_rate": 2e-3, "*hidden": [64]},
        "who remembers the sign gets 1; 0.4875 is the most without a memory",
        digits=2,
    ),
    "cartpole, 2,000,000 steps": Task("CartPole-v1", 2_000_000, {}, "settings that ship"),
}
SHORT = {"num_steps": 5, "num_minibatches": 1, "learning_rate": 2e-3}
"""Of methods with one gradient step to a short rollout."""
LOOKING_BACK = {
    "num_envs": 16,
    "num_steps": 16,
    "net.window": 24,
    "net.net.core.core.window": 24,
}
NATURAL = {"learning_rate": 1e-3, "num_epochs": 10}
BOLD = {"surrogate": "Ratio", "learning_rate": 5e-3}
"""Nothing holds the policy, at a rate that does not fall and throws it about."""
PATHWISE = {
    "num_epochs": 8,
    "num_minibatches": 10,
    "policy_net.trunk.hidden": [64, 64],
    "critic_net.trunk.hidden": [64, 64],
    "returns.low": -20.0,
    "returns.high": 5.0,
}

ROWS = [
    Row("cartpole", "ppo", "ppo", least=475.0),
    *[
        Row("cartpole", name, name, "ppo", changes)
        for name, changes in (
            ("a2c", SHORT),
            ("a3c", SHORT),
            ("impala", {"num_minibatches": 1, "num_steps": 20, "learning_rate": 2e-3}),
            ("vmpo", {}),
            ("ppo_kl", {}),
            ("fixpo", {}),
            ("mdpo", {}),
            ("npg", NATURAL),
            ("spo", {}),
            ("rec", {}),
            ("rpg", {}),
            ("rebel", {}),
            ("copg", {}),
            ("p3o", {}),
            ("bapo", {}),
            ("capo", {}),
            ("epo", {}),
            ("ppg", {"num_rollouts": 10}),
            ("rnd", {}),
        )
    ],
    Row("cartpole", "trpo", "trpo", "ppo", NATURAL, least=475.0),
    Row("cartpole", "ppo, ratios at 0.005", "ppo", "ppo", BOLD),
    Row(
        "cartpole",
        "capo, ratios at 0.005",
        "capo",
        "ppo, ratios at 0.005",
        {**BOLD, "screen.reach": 1.0, "screen.kl": 0.2},
    ),
    Row("pendulum", "ppo", "ppo"),
    *[
        Row("pendulum", name, name, "ppo", changes)
        for name, changes in (
            ("ppo_kl", {}),
            ("fixpo", {}),
            ("mdpo", {}),
            ("vmpo", {}),
            ("trpo", NATURAL),
            ("spo", {}),
            ("rec", {}),
            ("rebel", {}),
            ("bapo", {}),
            ("reppo", PATHWISE),
        )
    ],
    Row("tmaze", "ppo", "ppo"),
    Row("tmaze", "recurrent_ppo", "recurrent_ppo", "ppo"),
    Row("tmaze", "recurrent_a2c", "recurrent_a2c", "recurrent_ppo"),
    Row("tmaze", "rtrl_ac", "rtrl_ac", "recurrent_a2c"),
    Row("tmaze", "decision_s4, acting alone", "decision_s4", "recurrent_ppo"),
    Row("tmaze", "relic", "relic", "recurrent_ppo", LOOKING_BACK),
    Row("cartpole, 2,000,000 steps", "es", "es"),
    Row("hazards", "ppo", "ppo"),
    Row("hazards", "lagrangian", "lagrangian", "ppo"),
    Row("hazards", "reload", "reload", "lagrangian"),
]

BOOK = Book(TASKS, ROWS)
