"""An algorithm that costs next to nothing, so that what is measured is the engine."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Scalar, Static, algorithm, field, frozen, replace
from jaxac.record import Paper, Record

RECORD = Record(
    key="walk",
    summary="a random walk",
    make="benchmarks.sweep.walk:make",
    defaults="benchmarks.sweep.walk:Walk",
    paper=Paper("No paper", 2026, ""),
    actions=("Discrete",),
)


@frozen
class Walk:
    learning_rate: Scalar = field(0.1, "size of a step", within="[0, 10]")
    total_steps: Scalar = field(1e3, "steps", within="[1, inf)")
    num_updates: Static[int] = field(1, "updates per chunk", within="[1, inf)")


@frozen
class State:
    hp: Walk
    env_params: Any
    key: Any
    params: Any


def make(env):
    """As many metrics as PPO reports."""

    def init(key, hp, env_params):
        return State(hp, env_params, key, jnp.float32(0.0))

    def update(state):
        key, key_now = jax.random.split(state.key)
        params = state.params + state.hp.learning_rate * jax.random.normal(key_now)
        return replace(state, key=key, params=params), {f"metric_{i}": params for i in range(10)}

    def evaluate(state):
        return {"eval_return": state.params}

    def act(state, obs, carry=None, key=None):
        return jnp.zeros(obs.shape[0], jnp.int32), carry

    return algorithm(init, update, evaluate, act, lambda hp: 1, env.params)
