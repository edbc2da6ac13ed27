"""The same 1,000 transitions through the adapter and through the suite's own API."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.environments.originals import Original
from jaxac.envs import Env
from jaxac.envs.sampling import random_action

EPISODES, LENGTH = 20, 50


def differences(env: Env, original: Original) -> dict[str, float]:
    """Largest differences over `EPISODES` x `LENGTH` transitions, each episode from a reset.

    An episode that ends early goes on from its end: both sides then do what they do. Of several
    observations by name, those are compared that the original names too.
    """

    def episode(key):
        key_reset, key_steps = jax.random.split(key)
        ours, obs = env.reset(key_reset, env.params)
        theirs, first = original.reset(key_reset)
        begin = _difference(_common(obs, first), first)

        def one(carried, key):
            (ours, obs), theirs = carried
            key_act, key_step = jax.random.split(key)
            action = random_action(key_act, env, obs)
            ours, s = env.step(key_step, ours, action, env.params)
            theirs, seen, reward, done = original.step(key_step, theirs, action)
            apart = (
                _difference(_common(s.obs, seen), seen),
                _difference(s.reward, reward),
                jnp.asarray(s.terminated != done, jnp.int32),
            )
            return ((_like(ours, carried[0][0]), s.obs), _like(theirs, carried[1])), apart

        _, apart = jax.lax.scan(one, ((ours, obs), theirs), jax.random.split(key_steps, LENGTH))
        return begin, apart

    keys = jax.random.split(jax.random.key(0), EPISODES)
    begin, (obs, reward, flags) = jax.jit(lambda keys: jax.lax.map(episode, keys))(keys)
    return {
        "transitions": EPISODES * LENGTH,
        "obs": float(np.maximum(np.max(begin), np.max(obs))),
        "reward": float(np.max(reward)),
        "flags": int(np.sum(flags)),
    }


def _common(obs: Any, theirs: Any) -> Any:
    if not isinstance(obs, dict):
        return obs
    return {k: obs[k] for k in theirs} if isinstance(theirs, dict) else obs["policy"]


def _difference(a: Any, b: Any) -> jax.Array:
    flat_a, flat_b = (
        jnp.concatenate([jnp.asarray(x, jnp.float32).ravel() for x in jax.tree.leaves(tree)])
        for tree in (a, b)
    )
    return jnp.abs(flat_a - flat_b).max()


def _like(tree: Any, example: Any) -> Any:
    return jax.tree.map(lambda x, y: jax.lax.convert_element_type(x, y.dtype), tree, example)
