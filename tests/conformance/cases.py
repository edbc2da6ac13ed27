"""What the conformance suite runs each algorithm on, and the program that its tests share."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac import config, registry
from jaxac.core import Algorithm
from jaxac.envs.contract import Env

LANES = 3
ENVS = {"Discrete": "CartPole-v1", "Box": "Pendulum-v1"}
SMALL = {
    "num_envs": 4,
    "num_steps": 8,
    "num_updates": 2,
    "eval_episodes": 2,
    "hidden": (8,),
    "width": 8,
    "batch_size": 8,
    "capacity": 256,
    "warm_up": 32,  # an update that learns nothing, and one that learns
}
"""Fields by the last part of their names."""


def small(key: str) -> Any:
    """The algorithm's defaults, made cheap."""
    own = registry.defaults(key)
    changes = {f.path: SMALL.get(f.path.rpartition(".")[2]) for f in config.fields(own)}
    return config.configure(own, {k: v for k, v in changes.items() if v is not None})


def params_of(state: Any, change: Any = lambda x: x) -> tuple[list[Any], Any]:
    """What is under the name `params` in a state, and the state with `change` made to it."""
    found = []

    def leaf(path, x):
        if not any(getattr(k, "name", None) == "params" for k in path):
            return x
        found.append(x)
        return change(x)

    changed = jax.tree_util.tree_map_with_path(leaf, state)
    return found, changed


@dataclasses.dataclass
class Case:
    """An algorithm with its one compiled program, `LANES` lanes wide."""

    key: str
    env: Env
    algorithm: Algorithm
    hp: Any
    start: Any
    advance: Any
    traces: list[int]

    def states(self, rates=(1e-4, 1e-3, 1e-2), seeds=(0, 1, 2)) -> Any:
        """Lanes that differ in learning rates and seed."""
        every = [f.path for f in config.fields(self.hp) if f.path.endswith("learning_rate")]
        rows = [config.configure(self.hp, dict.fromkeys(every, r)) for r in rates]
        hp = jax.tree.map(lambda *x: np.asarray(x, np.float32), *rows)
        return self.start(np.asarray(seeds, np.uint32), hp)


@functools.cache
def case(key: str) -> Case:
    """The case of an algorithm; compiled once for the whole suite."""
    kind = registry.record(key).actions[0]
    env = registry.make_env(ENVS[kind])
    algorithm = registry.make_algorithm(key, env)
    hp = small(key)
    traces: list[int] = []

    def advance(state):
        traces.append(1)
        state, metrics = algorithm.chunk(state)
        return state, {**metrics, **algorithm.evaluate(state)}

    start = jax.vmap(lambda seed, hp: algorithm.init(jax.random.key(seed), hp))
    seeds = jnp.arange(LANES, dtype=jnp.uint32)
    stacked = jax.tree.map(lambda x: np.full(LANES, x, np.float32), hp)
    start = jax.jit(start).lower(seeds, stacked).compile()
    compiled = jax.jit(jax.vmap(advance)).lower(start(seeds, stacked)).compile()
    return Case(key, env, algorithm, hp, start, compiled, traces)


def assert_equal(a: Any, b: Any) -> None:
    """Two pytrees are equal bit for bit, random keys included."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


def one_of(envs: list[Env]) -> Env:
    """Environments of equal spaces as one, chosen by the traced param `which`.

    So one compiled program runs them all, as lanes.
    """
    from jaxac.core import frozen

    @frozen
    class Which:
        which: Any = 0

    def choose(which, trees):
        return jax.tree.map(lambda *x: jnp.stack([jnp.asarray(v) for v in x])[which], *trees)

    def reset(key, params):
        pairs = [env.reset(key, env.params) for env in envs]
        return tuple(s for s, _ in pairs), choose(params.which, [o for _, o in pairs])

    def step(key, state, action, params):
        pairs = [e.step(key, s, action, e.params) for e, s in zip(envs, state, strict=True)]
        return tuple(s for s, _ in pairs), choose(params.which, [t for _, t in pairs])

    def time_limit(params):
        return jnp.asarray([env.time_limit(env.params) for env in envs])[params.which]

    first = envs[0]
    return Env(
        "one_of", reset, step, Which(), first.observation_space, first.action_space, time_limit
    )
