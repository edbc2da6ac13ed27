"""A point mass on a line, pushed towards a goal: Box actions, and params that a sweep may vary."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Int, Scalar, field, frozen
from jaxac.envs import Box, Env, TimeStep


@frozen
class PointMassParams:
    """Traced params: each is an axis of a sweep, in one compiled program."""

    mass: Scalar = field(1.0, "of the point, kg", within="(0, inf)")
    drag: Scalar = field(0.1, "force against the motion, N s / m", within="[0, inf)")
    max_force: Scalar = field(1.0, "force of the action 1, N", within="[0, inf)")
    time_step: Scalar = field(0.1, "of the integration, s", within="(0, inf)")
    half_track: Scalar = field(2.0, "distance at which the track ends, m", within="(1, inf)")
    max_steps: Int | int = field(
        100, "steps after which an episode is truncated", within="[1, inf)"
    )


@frozen
class PointMassState:
    """Where the point is, how fast it goes, and where it should be."""

    position: Any  # m
    velocity: Any  # m / s
    goal: Any  # m, in [-1, 1]


def reset(key, params):
    """At rest at the origin; the goal is uniform in [-1, 1] m."""
    del params
    goal = jax.random.uniform(key, (), minval=-1.0, maxval=1.0)
    state = PointMassState(jnp.zeros(()), jnp.zeros(()), goal)
    return state, observe(state)


def step(key, state, action, params):
    """One step of semi-implicit Euler. The reward is exp(-distance^2), in (0, 1].

    Leaving the track terminates the episode, and with it the reward; jaxac adds the time limit.
    """
    del key
    force = params.max_force * jnp.clip(action[0], -1.0, 1.0) - params.drag * state.velocity
    velocity = state.velocity + params.time_step * force / params.mass
    position = state.position + params.time_step * velocity
    state = PointMassState(position, velocity, state.goal)
    reward = jnp.exp(-jnp.square(position - state.goal))
    terminated = jnp.abs(position) > params.half_track
    return state, TimeStep(observe(state), reward, terminated, jnp.zeros((), bool))


def observe(state):
    """Position, velocity, and the way that is left to the goal."""
    return jnp.stack([state.position, state.velocity, state.goal - state.position])


def make() -> Env:
    """The environment with its default params."""
    return Env(
        "PointMass-v0",
        reset,
        step,
        PointMassParams(),
        observation_space=Box((3,)),
        action_space=Box((1,), -1.0, 1.0),
        time_limit=lambda params: params.max_steps,
    )
