"""Facts of the tasks that walk, hop, crawl and swim.

Source: `gymnasium.envs.mujoco`, files `ant_v5`, `half_cheetah_v5`, `hopper_v5`, `humanoid_v5`,
`humanoidstandup_v5`, `swimmer_v5` and `walker2d_v5`.
"""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxac.core import Scalar, field, frozen
from jaxac.envs.mjx.robot import Reward, Robot, Test
from jaxac.envs.mjx.task import (
    ANY,
    POSITIVE,
    Task,
    contact_forces,
    gaussian,
    inside,
    seen,
)


@frozen
class Runner(Robot):
    """Params of a task that pays for speed."""

    forward_reward_weight: Scalar = field(1.0, "reward of a speed of 1 m/s along x", within=ANY)
    ctrl_cost_weight: Scalar = field(0.1, "cost of the squared action", within=POSITIVE)


@frozen
class Upright(Runner):
    """Params of a runner that must not fall."""

    healthy_reward: Scalar = field(1.0, "reward of each healthy step", within=ANY)
    healthy_z_min: Scalar = field(0.0, "least healthy height, m", within=ANY)
    healthy_z_max: Scalar = field(math.inf, "largest healthy height, m", within=ANY)


@frozen
class Straight(Upright):
    """Params of a runner that must neither fall nor lean."""

    healthy_angle_min: Scalar = field(-1.0, "least healthy angle of the torso, rad", within=ANY)
    healthy_angle_max: Scalar = field(1.0, "largest healthy angle, rad", within=ANY)


@frozen
class Hopper(Straight):
    """Params of `Hopper-v5`."""

    healthy_state_min: Scalar = field(
        -100.0, "least healthy value of heights, angles and velocities", within=ANY
    )
    healthy_state_max: Scalar = field(100.0, "largest such value", within=ANY)


@frozen
class Ant(Upright):
    """Params of `Ant-v5`."""

    contact_cost_weight: Scalar = field(5e-4, "cost of squared contact forces", within=POSITIVE)
    contact_force_min: Scalar = field(-1.0, "contact forces are clipped from below", within=ANY)
    contact_force_max: Scalar = field(1.0, "and from above", within=ANY)


@frozen
class Humanoid(Upright):
    """Params of `Humanoid-v5`."""

    contact_cost_weight: Scalar = field(5e-7, "cost of squared contact forces", within=POSITIVE)
    contact_cost_max: Scalar = field(10.0, "largest such cost of a step", within=POSITIVE)


@frozen
class Standup(Robot):
    """Params of `HumanoidStandup-v5`."""

    ctrl_cost_weight: Scalar = field(0.1, "cost of the squared action", within=POSITIVE)
    impact_cost_weight: Scalar = field(5e-7, "cost of squared contact forces", within=POSITIVE)
    impact_cost_max: Scalar = field(10.0, "largest such cost of a step", within=POSITIVE)


def _slider(data):
    return data.qpos[0]


def _torso(data):
    return data.xpos[1, 0]


def _centre_of_mass(data):
    return data.subtree_com[0, 0]


def _nothing(data, p):
    return 0.0


def _tall(data, p):
    return inside(p.healthy_z_min, data.qpos[2], p.healthy_z_max)


def _straight(data, p):
    height = inside(p.healthy_z_min, data.qpos[1], p.healthy_z_max)
    return height & inside(p.healthy_angle_min, data.qpos[2], p.healthy_angle_max)


def _hops(data, p):
    state = jnp.concatenate([data.qpos[2:], data.qvel])
    return _straight(data, p) & inside(p.healthy_state_min, state, p.healthy_state_max)


def _crawls(data, p):
    finite = jnp.isfinite(data.qpos).all() & jnp.isfinite(data.qvel).all()
    return finite & (p.healthy_z_min <= data.qpos[2]) & (data.qpos[2] <= p.healthy_z_max)


def _not(healthy: Test) -> Test:
    return lambda data, p: ~healthy(data, p)


def _bonus(healthy: Test) -> Callable[[Any, Any], Any]:
    return lambda data, p: p.healthy_reward * healthy(data, p)


def _ant_bonus(data, p):
    cost = p.contact_cost_weight * jnp.square(_clipped_forces(data, p)).sum()
    return _bonus(_crawls)(data, p) - cost


def _humanoid_bonus(data, p):
    cost = p.contact_cost_weight * jnp.square(data._impl.cfrc_ext).sum()
    return _bonus(_tall)(data, p) - jnp.minimum(cost, p.contact_cost_max)


def _clipped_forces(data, p):
    return jnp.clip(data._impl.cfrc_ext, p.contact_force_min, p.contact_force_max)


def _running(
    position: Callable[[Any], Any], bonus: Callable[[Any, Any], Any] = _nothing
) -> Callable[[float], Reward]:
    """Pay for the speed of `position(data)`, less the cost of the action, plus `bonus`."""

    def of(dt):
        def reward(before, data, action, p):
            speed = (position(data) - position(before)) / dt
            cost = p.ctrl_cost_weight * jnp.square(action).sum()
            return p.forward_reward_weight * speed - cost + bonus(data, p)

        return reward

    return of


def _standing_up(dt):
    timestep = dt / FRAMES  # the height is divided by the simulator's own time step

    def reward(before, data, action, p):
        del before
        cost = p.ctrl_cost_weight * jnp.square(action).sum()
        impact = p.impact_cost_weight * jnp.square(data._impl.cfrc_ext).sum()
        return data.qpos[2] / timestep - cost - jnp.minimum(impact, p.impact_cost_max) + 1.0

    return reward


def _ant_sees(data, p):
    return jnp.concatenate([seen(2)(data, p), _clipped_forces(data, p)[1:].ravel()])


def _humanoid_sees(data, p):
    inertia, force = data._impl.cinert[1:].ravel(), data._impl.cfrc_ext[1:].ravel()
    motion = data.cvel[1:].ravel()
    return jnp.concatenate([seen(2)(data, p), inertia, motion, data.qfrc_actuator[6:], force])


FRAMES = 5
CONTACTS = 16  # of each kind at once; a humanoid's bodies could make 75, and touch at few
TASKS = {
    "Ant-v5": Task(
        "ant.xml",
        FRAMES,
        Ant(ctrl_cost_weight=0.5, healthy_z_min=0.2, healthy_z_max=1.0, reset_noise_scale=0.1),
        _running(_torso, _ant_bonus),
        _ant_sees,
        _not(_crawls),
        gaussian,
        contact_forces,
    ),
    "HalfCheetah-v5": Task(
        "half_cheetah.xml",
        FRAMES,
        Runner(reset_noise_scale=0.1),
        _running(_slider),
        seen(1),
        start=gaussian,
    ),
    "Hopper-v5": Task(
        "hopper.xml",
        4,
        Hopper(
            ctrl_cost_weight=1e-3,
            healthy_z_min=0.7,
            healthy_angle_min=-0.2,
            healthy_angle_max=0.2,
            reset_noise_scale=5e-3,
        ),
        _running(_slider, _bonus(_hops)),
        seen(1, speed=10.0),
        _not(_hops),
    ),
    "Humanoid-v5": Task(
        "humanoid.xml",
        FRAMES,
        Humanoid(
            forward_reward_weight=1.25, healthy_reward=5.0, healthy_z_min=1.0, healthy_z_max=2.0
        ),
        _running(_centre_of_mass, _humanoid_bonus),
        _humanoid_sees,
        _not(_tall),
        finish=contact_forces,
        max_contacts=CONTACTS,
    ),
    "HumanoidStandup-v5": Task(
        "humanoidstandup.xml",
        FRAMES,
        Standup(),
        _standing_up,
        _humanoid_sees,
        finish=contact_forces,
        max_contacts=CONTACTS,
    ),
    "Swimmer-v5": Task(
        "swimmer.xml",
        4,
        Runner(ctrl_cost_weight=1e-4, reset_noise_scale=0.1),
        _running(_slider),
        seen(2),
    ),
    "Walker2d-v5": Task(
        "walker2d_v5.xml",
        4,
        Straight(
            ctrl_cost_weight=1e-3, healthy_z_min=0.8, healthy_z_max=2.0, reset_noise_scale=5e-3
        ),
        _running(_slider, _bonus(_straight)),
        seen(1, speed=10.0),
        _not(_straight),
    ),
}
