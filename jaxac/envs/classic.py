"""Classic control as gymnasium has it, where gymnax differs.

gymnax's MountainCarContinuous stops the car at the goal where gymnasium stops it at the left wall:
there the car keeps its speed against the wall, and published returns cannot be reached.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Int, Scalar, field, frozen
from jaxac.envs.contract import Box, Env, TimeStep
from jaxac.envs.sketches import mountain_car
from jaxac.errors import RegistryError, closest

NAME = "MountainCarContinuous-v0"


@frozen
class MountainCarParams:
    """Traced params, named as gymnax and gymnasium name them."""

    min_action: Scalar = field(-1.0, "actions are clipped to this", within="(-inf, inf)")
    max_action: Scalar = field(1.0, "actions are clipped to this", within="(-inf, inf)")
    min_position: Scalar = field(-1.2, "of the left wall", within="(-inf, inf)")
    max_position: Scalar = field(0.6, "right end of the track", within="(-inf, inf)")
    max_speed: Scalar = field(0.07, "largest speed, per step", within="[0, inf)")
    goal_position: Scalar = field(0.45, "the task ends to the right of it", within="(-inf, inf)")
    goal_velocity: Scalar = field(0.0, "least speed there", within="(-inf, inf)")
    power: Scalar = field(0.0015, "acceleration of action 1, per step", within="[0, inf)")
    gravity: Scalar = field(0.0025, "acceleration of the slope, per step", within="(-inf, inf)")
    max_steps_in_episode: Int | int = field(999, "steps before truncation", within="[1, inf)")


@frozen
class Car:
    """Where the car is and how fast it goes, per step."""

    position: Float[Array, ""]
    velocity: Float[Array, ""]


def ids() -> tuple[str, ...]:
    """The corrected environments."""
    return (NAME,)


def make(name: str) -> Env:
    """The corrected environment `name`. Raises `RegistryError` for an unknown name."""
    if name != NAME:
        raise RegistryError(f"classic has no environment {name!r}{closest(name, ids())}")
    params = MountainCarParams()
    space = Box((2,), (-1.2, -0.07), (0.6, 0.07))
    return Env(
        name,
        reset,
        step,
        params,
        space,
        Box((1,), -1.0, 1.0),
        lambda p: p.max_steps_in_episode,
        render=mountain_car,
    )


def reset(key, params):
    """A car at rest near the bottom of the valley."""
    del params
    car = Car(jax.random.uniform(key, minval=-0.6, maxval=-0.4), jnp.zeros(()))
    return car, observe(car)


def step(key, car, action, params):
    """One step of `Continuous_MountainCarEnv` of gymnasium (Moore 1990, the car on the hill)."""
    del key
    push = action[0]
    force = jnp.clip(push, params.min_action, params.max_action) * params.power
    velocity = car.velocity + force - params.gravity * jnp.cos(3 * car.position)
    velocity = jnp.clip(velocity, -params.max_speed, params.max_speed)
    position = jnp.clip(car.position + velocity, params.min_position, params.max_position)
    at_wall = (position <= params.min_position) & (velocity < 0)
    velocity = jnp.where(at_wall, 0.0, velocity)
    terminated = (position >= params.goal_position) & (velocity >= params.goal_velocity)
    reward = 100.0 * terminated - 0.1 * jnp.square(push)
    car = Car(position, velocity)
    return car, TimeStep(observe(car), reward, terminated, jnp.zeros((), bool))


def observe(car: Car) -> Float[Array, "2"]:
    """Position and velocity."""
    return jnp.stack([car.position, car.velocity])
