"""The sweep of examples/sweep.toml in Python: run it, print its table, draw its pictures."""

import jaxac

SWEEP = jaxac.Sweep(
    algorithm="ppo",
    env="CartPole-v1",
    total_steps=50_000,
    seeds=2,
    configs=8,
    sampler="sobol",
    sampler_seed=0,
    evaluations=5,
    tuned=False,
    name="example",
    fixed={
        "num_envs": 16,
        "num_steps": 125,
        "num_minibatches": 5,
        "optimiser": {"op": "Adam", "b1": 0.9},
    },
    space={
        "credit.lam": {"low": 0.8, "high": 1.0},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "net.hidden": {"choices": [[32, 32], [64, 64]]},
    },
    env_params={"force_mag": {"low": 8.0, "high": 12.0}},
)


def main() -> None:
    """Run the sweep and show what it found."""
    results = jaxac.run(SWEEP)  # runs/example-<time>; jaxac.resume(DIR) goes on with it
    print(results.table().to_string(index=False))
    for path in results.plot():
        print(path)
    frame = results.frame()  # one row per config, seed, step and metric
    print(frame[frame["metric"] == "eval_return"].tail())


if __name__ == "__main__":
    main()
