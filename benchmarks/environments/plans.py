"""What each plan of resets makes of an environment: steps and resets per second."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.environments import speed
from jaxac import hlo
from jaxac.envs import Env, resets

POOL = 256
PLANS = {
    "EveryStep": resets.EveryStep(),
    "WhenNeeded": resets.WhenNeeded(),
    "Pool": resets.Pool(POOL),
}


def rates(env: Env, num_envs: int) -> dict[str, Any]:
    """Median rates; None for a plan whose LAPACK calls could hang (docs/install.md)."""
    runs = {
        name: speed.ours(dataclasses.replace(env, resets=plan), num_envs)
        for name, plan in PLANS.items()
    }
    runs["resets"] = _resets(env, num_envs)
    found: dict[str, Any] = {"num_envs": num_envs, "pool": POOL}
    for name, run in runs.items():
        if hlo.lapack_together(run.text):
            found[name] = None
            continue
        steps, rounds = speed.in_turns({name: run}, num_envs)
        found[name] = speed.per_second(steps, [r[name] for r in rounds])
    return found


def _resets(env: Env, num_envs: int) -> speed.Run:
    def one(key, total):
        first = resets.fresh(key, env.reset, env.params, num_envs)
        # every leaf is needed, so none of the work is left out
        return sum(jnp.sum(jnp.asarray(x, jnp.float32)) for x in _numbers(first)), total

    return speed.compiled(one, lambda key: jnp.zeros(()))


def _numbers(tree: Any) -> list[jax.Array]:
    leaves = jax.tree.leaves(tree)
    return [x for x in leaves if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key)]
