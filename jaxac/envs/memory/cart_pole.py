"""Cart-pole without its velocities."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxac.core import replace
from jaxac.envs.adapters import gymnax
from jaxac.envs.contract import Box, Env
from jaxac.envs.wrap import wrap
from jaxac.envs.wrappers import ObservationNoise

SEEN = np.array([0, 2])  # position and angle


def stateless(name: str, num_steps: int) -> Env:
    """gymnax's CartPole of which position (m) and angle (rad) are seen.

    Source: Morad et al. 2023, arXiv:2303.01859 (POPGym), and the code its authors published: each
    step pays 1 over the time limit. The limit is a param, by which rewards change with it.
    """
    env = gymnax.make("CartPole-v1")
    low, high = 2.0 * np.array([-2.4, -12 * np.pi / 180]), 2.0 * np.array([2.4, 12 * np.pi / 180])

    def reset(key, params):
        state, obs = env.reset(key, params)
        return state, obs[SEEN]

    def step(key, state, action, params):
        state, after = env.step(key, state, action, params)
        share = after.reward / jnp.asarray(env.time_limit(params), jnp.float32)
        return state, replace(after, obs=after.obs[SEEN], reward=share)

    return dataclasses.replace(
        env,
        name=name,
        reset=reset,
        step=step,
        params=env.params.replace(max_steps_in_episode=num_steps),
        observation_space=Box((2,), tuple(low.tolist()), tuple(high.tolist())),
    )


def noisy(name: str, std: float) -> Env:
    """`stateless` for 200 steps with Gaussian noise, whose deviation is a param, on what is seen.

    Departs from POPGym: noise is not clipped to the bounds of observations, which are gone.
    """
    wrapped = wrap(stateless(name, 200), ObservationNoise(std=std))
    return dataclasses.replace(wrapped, name=name)
