"""Short runs of actor-critics on Pendulum, whose programs tests share."""

import functools
from typing import Any

import jax
import numpy as np

from jaxac import config, registry
from jaxac.core import replace
from jaxac.runners import actor_critic

ENV = registry.make_env("Pendulum-v1")
TINY = {
    "num_envs": 3,
    "num_updates": 8,
    "warm_up": 12,
    "batch_size": 16,
    "replay.capacity": 256,
    "eval_episodes": 2,
}
LAST = ("hidden", "width")


def tiny(hp, **changes):
    """Hyper-parameters with narrow networks, and `changes` by dotted name after that."""
    paths = [f.path for f in config.fields(hp)]
    narrow = {p: (8,) if p.endswith("hidden") else 8 for p in paths if p.endswith(LAST)}
    return config.configure(hp, {**TINY, **narrow, **changes})


@functools.cache
def program(make):
    """A chunk from the beginning, compiled once for each structure of hyper-parameters."""
    algorithm = make(ENV)
    return jax.jit(lambda hp: algorithm.chunk(algorithm.init(jax.random.key(0), hp)))


def learned(hp, make=actor_critic.make):
    """The learner after a chunk."""
    return program(make)(hp)[0].learner


def drawn(hp, make=actor_critic.make, num=16):
    """Parts, learner and a batch after a chunk, of which every third transition is the last."""
    state, _ = program(make)(hp)
    batch = hp.replay.sample(jax.random.key(1), state.replay, num, hp.gamma)
    ends = np.arange(num) % 3 > 0
    built = actor_critic.parts(ENV, hp)
    return built, state.learner, replace(batch, discount=batch.discount * ends)


def member(params, i):
    """One member of an ensemble, as an ensemble of one."""
    return jax.tree.map(lambda x: x[i : i + 1], params)


def applied(module, variables, *inputs, **more) -> Any:
    """A flax module as a function, whatever it gives."""
    return module.apply(variables, *inputs, **more)


def assert_equal(a, b):
    """Two pytrees of one structure, bit for bit."""
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a, b, rtol=1e-4, atol=1e-6):
    """Two pytrees of one structure, but for rounding."""
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=atol), a, b)
