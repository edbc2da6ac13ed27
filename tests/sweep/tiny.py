"""The smallest algorithm that keeps the contract, so that engine tests compile in no time.

A run is a random walk of `params` with step size `learning_rate`; `surge` added at update
`surge_at` makes a run diverge.
"""

import dataclasses
import os
import sys
from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Scalar, Static, algorithm, field, frozen, replace
from jaxac.record import Paper, Record

RECORD = Record(
    key="tiny",
    summary="a random walk",
    make="tests.sweep.tiny:make",
    defaults="tests.sweep.tiny:Tiny",
    paper=Paper("No paper", 2026, ""),
    actions=("Discrete",),
)


@frozen
class Tiny:
    learning_rate: Scalar = field(0.1, "size of a step", within="[0, 10]")
    surge: Scalar = field(0.0, "added once; inf diverges")
    surge_at: Scalar = field(3.0, "update of the surge", within="[0, inf)")
    total_steps: Scalar = field(1e3, "steps", within="[1, inf)")
    width: Static[int] = field(2, "size of params", within="[1, 64]")
    num_envs: Static[int] = field(5, "env steps per update", within="[1, inf)")
    num_updates: Static[int] = field(2, "updates per chunk", within="[1, inf)")


@frozen
class State:
    hp: Tiny
    env_params: Any
    key: Any
    step: Any
    params: Any


def make(env):
    def init(key, hp, env_params):
        return State(hp, env_params, key, jnp.int32(0), jnp.zeros(hp.width))

    def update(state):
        hp = state.hp
        noise = jax.random.normal(jax.random.fold_in(state.key, state.step), (hp.width,))
        surge = jnp.where(state.step == hp.surge_at, hp.surge, 0.0)
        params = state.params + hp.learning_rate * noise + surge
        norm = jnp.abs(params).sum()
        return replace(state, step=state.step + 1, params=params), {"param_norm": norm}

    def evaluate(state):
        return {"eval_return": state.params.mean() + state.env_params.reward_scale}

    def act(state, obs, carry=None, key=None):
        return jnp.zeros(obs.shape[0], jnp.int32), carry

    return algorithm(init, update, evaluate, act, lambda hp: hp.num_envs, env.params)


@frozen
class Push:
    """A surrogate of another package, for the tests of naming one."""

    def __call__(self, log_ratio, advantage):
        return log_ratio * advantage


def make_dying(env):
    """An algorithm that takes the process down wherever it is a worker."""
    if "jaxac.sweep.engines.worker" in sys.argv[0] or sys.argv[0].endswith("engines/worker.py"):
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(7)
    return make(env)


DYING = dataclasses.replace(RECORD, key="dying", make="tests.sweep.tiny:make_dying")


def make_hungry(env):
    """An algorithm whose chunk needs 128 MiB a lane, or 256."""
    plain = make(env)

    def chunk(state):
        state, metrics = plain.chunk(state)
        large = jnp.full(2**25, state.params[0])
        large = jax.lax.fori_loop(0, state.step, lambda i, x: x.at[i].add(1.0), large)
        return state, {**metrics, "chosen": large[state.step]}

    return plain._replace(chunk=chunk)


HUNGRY = dataclasses.replace(RECORD, key="hungry", make="tests.sweep.tiny:make_hungry")
