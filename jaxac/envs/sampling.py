"""Random actions: what checks, benchmarks and pictures do before there is a policy."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxac.core import Key
from jaxac.envs.contract import Discrete, Env


def random_action(key: Key, env: Env, obs: object) -> Array:
    """A uniformly random legal action for one observation; [A, ...] with agents.

    A Box without bounds is drawn from a range of 2 (about 0, or beside the bound it has).
    """
    agents = () if env.num_agents is None else (env.num_agents,)
    space = env.action_space
    if isinstance(space, Discrete):
        legal = jnp.ones((*agents, space.n), bool)
        if isinstance(obs, dict) and "action_mask" in obs:
            legal = obs["action_mask"]
        return jax.random.categorical(key, jnp.where(legal, 0.0, -jnp.inf))
    low, high = space.bounds
    low = np.where(np.isfinite(low), low, np.where(np.isfinite(high), high - 2, -1.0))
    high = np.where(np.isfinite(high), high, low + 2)
    return jax.random.uniform(key, (*agents, *space.shape), minval=low, maxval=high)
