"""Craftax (1.6): Craftax and Craftax-Classic, as symbols or pixels.

The classes without auto-reset are wrapped. craftax ends an episode at death, at victory and at
`max_timesteps` alike; the last is told apart as the time limit. Its own `EnvParams` are the params,
all traced. craftax draws its textures in three sizes at first use and writes them into its own
package, which takes minutes; here only the size in use is drawn, in memory, in seconds.
"""

import contextlib
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import strong
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.resets import WhenNeeded
from jaxac.errors import RegistryError, closest

IDS = (
    "Craftax-Symbolic-v1",
    "Craftax-Pixels-v1",
    "Craftax-Classic-Symbolic-v1",
    "Craftax-Classic-Pixels-v1",
)
NEVER = 2**31 - 1  # steps


def ids() -> tuple[str, ...]:
    """Names of Craftax's environments."""
    return IDS


def make(name: str) -> Env:
    """The Craftax environment `name`: obs float32, a vector of symbols or [height, width, 3].

    Raises `RegistryError` for an unknown name, `EnvError` if craftax is missing.
    """
    if name not in ids():
        raise RegistryError(f"craftax has no environment {name!r}{closest(name, ids())}")
    game = "craftax.craftax_classic" if "Classic" in name else "craftax.craftax"
    module, constants = extras.load("craftax", "craftax.craftax_env", f"{game}.constants")
    with _textures(game, constants.BLOCK_PIXEL_SIZE_AGENT):
        env = module.make_craftax_env_from_name(name, auto_reset=False)

    def reset(key, params):
        obs, state = env.reset_env(key, params)
        return jax.tree.map(strong, state), obs

    def step(key, state, action, params):
        obs, state, reward, _, _ = env.step_env(key, state, action, params)
        terminated = env.is_terminal(state, params.replace(max_timesteps=NEVER))
        reward = jnp.asarray(reward, jnp.float32)
        s = TimeStep(obs, reward, jnp.asarray(terminated, bool), jnp.zeros((), bool))
        return jax.tree.map(strong, state), s

    @functools.cache
    def painter():
        size = constants.BLOCK_PIXEL_SIZE_IMG
        with _textures(game, size):
            renderer = extras.load("craftax", f"{game}.renderer")
            return jax.jit(renderer.make_craftax_pixel_renderer(size))

    def render(state, params):
        del params
        return np.asarray(painter()(state)).clip(0, 255).astype(np.uint8)

    params = env.default_params
    return Env(
        name,
        reset,
        step,
        params,
        Box(tuple(env.observation_space(params).shape), 0.0, 1.0),
        Discrete(env.num_actions),
        lambda params: params.max_timesteps,
        resets=WhenNeeded(),
        render=render,
    )


@functools.cache
def _drawn(game: str, size: int) -> Any:
    return extras.load("craftax", f"{game}.constants").load_all_textures_given_size(size)


@contextlib.contextmanager
def _textures(game: str, size: int):
    """craftax's renderers made in this context find textures of `size` pixels a block."""
    renderer = extras.load("craftax", f"{game}.renderer")
    every_size = renderer.load_all_textures
    renderer.load_all_textures = lambda: {size: _drawn(game, size)}
    try:
        yield
    finally:
        renderer.load_all_textures = every_size
