"""Rejax's PPO on Breakout-MinAtar, with the network and the numbers of the settings that ship here.

Rejax has dense networks alone, so it is given the convolution of MinAtar's paper; policy and value
have a trunk each, where jaxac's settings share one.
"""

import time
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from benchmarks.peers import five_values

NUM_ENVS, NUM_STEPS, NUM_EPOCHS, NUM_MINIBATCHES, RATE = 16, 64, 4, 8, 5e-3


class _Seen(nn.Module):
    """Features [N, 128] of frames [N, 10, 10, C]."""

    @nn.compact
    def __call__(self, obs):
        x = nn.relu(nn.Conv(16, (3, 3), padding="VALID")(obs.astype(jnp.float32)))
        return nn.relu(nn.Dense(128)(x.reshape(x.shape[0], -1)))


def theirs(env_name: str, steps: int) -> Any:
    """Rejax's algorithm on gymnax's environment of that name, for `steps` environment steps."""
    import gymnax
    from rejax import PPO
    from rejax.networks import DiscretePolicy

    class Policy(DiscretePolicy):
        def setup(self):
            self.features = _Seen()
            self.action_logits = nn.Dense(self.action_dim)

    class Value(nn.Module):
        @nn.compact
        def __call__(self, obs):
            return nn.Dense(1)(_Seen()(obs))[:, 0]

    env, params = gymnax.make(env_name)
    updates = steps // (NUM_ENVS * NUM_STEPS)
    made = PPO.create(
        env=five_values(env),
        env_params=params,
        num_envs=NUM_ENVS,
        num_steps=NUM_STEPS,
        num_epochs=NUM_EPOCHS,
        num_minibatches=NUM_MINIBATCHES,
        max_grad_norm=0.5,
        total_timesteps=steps,
        learning_rate=optax.linear_schedule(RATE, 0.0, updates * NUM_EPOCHS * NUM_MINIBATCHES),
    )
    num = env.action_space(params).n
    return made.replace(actor=Policy(num, (), nn.relu), critic=Value())


def measure(env_name: str, steps: int, seeds: int, episodes: int) -> dict[str, Any]:
    """Mean return of each seed's last policy, its actions drawn, and the seconds of training."""
    from rejax.evaluate import evaluate

    made = theirs(env_name, steps)
    updates = steps // (NUM_ENVS * NUM_STEPS)

    # One seed after the other: a convolution whose weights differ by seed is slow on a CPU.
    @jax.jit
    def train(key):
        begin = made.init_state(key)
        return jax.lax.fori_loop(0, updates, lambda _, state: made.train_iteration(state), begin)

    run = train.lower(jax.random.PRNGKey(0)).compile()
    begin = time.perf_counter()
    states = [jax.block_until_ready(run(jax.random.PRNGKey(seed))) for seed in range(seeds)]
    seconds = time.perf_counter() - begin

    def returns(state):
        env, params, key = made.env, made.env_params, jax.random.PRNGKey(7)
        limit = params.max_steps_in_episode
        return evaluate(made.make_act(state), key, env, params, episodes, limit)[1].mean()

    found = [float(returns(state)) for state in states]
    return {"returns": found, "env_steps": updates * NUM_ENVS * NUM_STEPS * seeds, "run_s": seconds}
