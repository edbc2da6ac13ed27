"""Small tasks seen as pixels: gymnax's Pendulum, drawn on a grid of bytes.

One picture does not show how fast the rod turns. `PixelPendulum-v0` wants `FrameStack(num=2)` or
more; `PixelPendulumSpeed-v0` gives the speed beside the picture, as an observation by name.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from jaxac.core import replace
from jaxac.envs.adapters import gymnax
from jaxac.envs.contract import Box, Env
from jaxac.errors import RegistryError, closest

NAMES = ("PixelPendulum-v0", "PixelPendulumSpeed-v0")
SIDE = 16  # pixels
REACH = 1.25  # from the joint to the edge of the picture, lengths of the rod
WIDTH = 0.15  # half of the rod's, lengths of the rod
FASTEST = 8.0  # rad/s, what gymnasium's Pendulum is held to


def ids() -> tuple[str, ...]:
    """Names of the environments."""
    return NAMES


def make(name: str) -> Env:
    """The environment `name`, with the params of gymnax's Pendulum.

    Raises `RegistryError` for an unknown name.
    """
    if name not in NAMES:
        raise RegistryError(f"pixel has no environment {name!r}{closest(name, NAMES)}")
    env, pixels = gymnax.make("Pendulum-v1"), Box((SIDE, SIDE, 1), 0.0, 255.0, "uint8")
    with_speed = name == "PixelPendulumSpeed-v0"

    def observe(state: Any) -> Any:
        picture = draw(state.theta)
        speed = jnp.clip(state.theta_dot / FASTEST, -1.0, 1.0)
        return {"policy": picture, "speed": jnp.reshape(speed, (1,))} if with_speed else picture

    def reset(key, params):
        state, _ = env.reset(key, params)
        return state, observe(state)

    def step(key, state, action, params):
        state, after = env.step(key, state, action, params)
        return state, replace(after, obs=observe(state))

    space = {"policy": pixels, "speed": Box((1,), -1.0, 1.0)} if with_speed else pixels
    return dataclasses.replace(env, name=name, reset=reset, step=step, observation_space=space)


def draw(angle: Float[Array, ""]) -> UInt8[Array, "SIDE SIDE 1"]:
    """A rod at an angle from upright, in radians: white on black, with smooth edges."""
    size = 2.0 * REACH / SIDE
    centre = (jnp.arange(SIDE) + 0.5) * size - REACH
    x, y = centre[None, :], -centre[:, None]
    tip_x, tip_y = -jnp.sin(angle), jnp.cos(angle)
    along = jnp.clip(x * tip_x + y * tip_y, 0.0, 1.0)
    distance = jnp.hypot(x - along * tip_x, y - along * tip_y)
    cover = jnp.clip((WIDTH - distance) / size + 0.5, 0.0, 1.0)
    return jnp.round(255.0 * cover).astype(jnp.uint8)[..., None]
