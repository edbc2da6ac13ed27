"""An algorithm that steps its environment and never learns, for sweeps over environments."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Scalar, Static, algorithm, frozen, replace
from jaxac.envs import loop
from jaxac.record import Paper, Record


@frozen
class Standing:
    """Of the algorithm that never learns."""

    total_steps: Scalar = 1.0
    num_updates: Static[int] = 1


@frozen
class State:
    """One run of it."""

    hp: Standing
    env_params: Any
    key: Any
    loop: Any


def make(env):
    """The algorithm that acts 0 for ever: its evaluation is its last episodes' mean return."""

    def init(key, hp, params):
        return State(hp, params, key, loop.start(key, env, params, 2))

    def update(state):
        key_step, key = jax.random.split(state.key)
        zeros = jnp.zeros(2, jnp.int32)
        after, outcome = loop.step(key_step, env, state.env_params, state.loop, zeros)
        return replace(state, loop=after, key=key), {"paid": outcome.reward.mean()}

    def evaluate(state):
        return {"eval_return": state.loop.episode_return.mean()}

    def act(state, obs, carry=None, key=None):
        return jnp.zeros(len(obs), jnp.int32), carry

    return algorithm(init, update, evaluate, act, lambda hp: 2, env.params)


RECORD = Record(
    key="stand",
    summary="acts 0",
    make="tests.envs.standing:make",
    defaults="tests.envs.standing:Standing",
    paper=Paper("No paper", 2026, ""),
    actions=("Discrete",),
)
