"""Facts of the tasks that balance and reach.

Source: `gymnasium.envs.mujoco`, files `inverted_pendulum_v5`, `inverted_double_pendulum_v5`,
`reacher_v5` and `pusher_v5`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Key, Scalar, field, frozen
from jaxac.envs.mjx.robot import Robot, uniform
from jaxac.envs.mjx.task import ANY, POSITIVE, Task, gaussian, seen

FINGERTIP, TARGET = 3, 4  # bodies of reacher.xml
TIPS, OBJECT, GOAL = 10, 11, 12  # bodies of pusher_v5.xml
UPRIGHT = 0.2  # rad
RADIUS = 0.2  # m, of the disc in which a reacher's goal lies
APART = 0.17  # m, least distance of a pusher's object from its goal
NUDGE = 5e-3  # rad/s, spread of a reacher's first velocities


@frozen
class Balance(Robot):
    """Params of `InvertedDoublePendulum-v5`."""

    healthy_reward: Scalar = field(10.0, "reward of each step until the tip falls", within=ANY)


@frozen
class Reach(Robot):
    """Params of `Reacher-v5`."""

    reward_dist_weight: Scalar = field(1.0, "cost of a distance of 1 m to the goal", within=ANY)
    reward_control_weight: Scalar = field(1.0, "cost of the squared action", within=POSITIVE)


@frozen
class Push(Reach):
    """Params of `Pusher-v5`."""

    reward_near_weight: Scalar = field(0.5, "cost of 1 m between arm and object", within=ANY)


def _swings(data, p):
    del p
    finite = jnp.isfinite(data.qpos).all() & jnp.isfinite(data.qvel).all()
    return ~finite | (jnp.abs(data.qpos[1]) > UPRIGHT)


def _falls(data, p):
    del p
    return data.site_xpos[0, 2] <= 1.0


def _staying(dt):
    return lambda before, data, action, p: ~_swings(data, p)


def _balancing(dt):
    def reward(before, data, action, p):
        del before, action
        x, _, height = data.site_xpos[0]
        away = 0.01 * jnp.square(x) + jnp.square(height - 2.0)
        fast = 1e-3 * jnp.square(data.qvel[1]) + 5e-3 * jnp.square(data.qvel[2])
        return p.healthy_reward * ~_falls(data, p) - away - fast

    return reward


def _reaching(dt):
    def reward(before, data, action, p):
        del before
        cost = p.reward_control_weight * jnp.square(action).sum()
        return -p.reward_dist_weight * _distance(data, FINGERTIP, TARGET) - cost

    return reward


def _pushing(dt):
    def reward(before, data, action, p):
        del before
        cost = p.reward_control_weight * jnp.square(action).sum()
        near = p.reward_near_weight * _distance(data, OBJECT, TIPS)
        return -p.reward_dist_weight * _distance(data, OBJECT, GOAL) - near - cost

    return reward


def _distance(data, a, b):
    return jnp.sqrt(jnp.square(data.xpos[a] - data.xpos[b]).sum())


def _cart_sees(data, p):
    del p
    angle, velocity = data.qpos[1:], jnp.clip(data.qvel, -10.0, 10.0)
    pushed = jnp.clip(data.qfrc_constraint[:1], -10.0, 10.0)
    return jnp.concatenate([data.qpos[:1], jnp.sin(angle), jnp.cos(angle), velocity, pushed])


def _reacher_sees(data, p):
    del p
    angle, offset = data.qpos[:2], data.xpos[FINGERTIP] - data.xpos[TARGET]
    turned = jnp.cos(angle), jnp.sin(angle)
    return jnp.concatenate([*turned, data.qpos[2:], data.qvel[:2], offset[:2]])


def _pusher_sees(data, p):
    del p
    bodies = data.xpos[jnp.array([TIPS, OBJECT, GOAL])]
    return jnp.concatenate([data.qpos[:7], data.qvel[:7], bodies.ravel()])


def _any_goal(key: Key, qpos: Any, qvel: Any, p: Any) -> tuple[Any, Any]:
    """The arm nearly straight, the goal anywhere in a disc, at rest."""
    key_pos, key_goal, key_vel = jax.random.split(key, 3)
    goal = _drawn(key_goal, (-RADIUS, -RADIUS), (RADIUS, RADIUS), lambda r: r < RADIUS)
    qpos = uniform(key_pos, qpos, p.reset_noise_scale).at[-2:].set(goal)
    return qpos, uniform(key_vel, qvel, NUDGE).at[-2:].set(0.0)


def _any_object(key: Key, qpos: Any, qvel: Any, p: Any) -> tuple[Any, Any]:
    """The object anywhere beside the goal, both at rest."""
    key_object, key_vel = jax.random.split(key)
    place = _drawn(key_object, (-0.3, -0.2), (0.0, 0.2), lambda r: r > APART)
    qpos = qpos.at[-4:-2].set(place).at[-2:].set(0.0)
    return qpos, uniform(key_vel, qvel, p.reset_noise_scale).at[-4:].set(0.0)


def _drawn(key, low, high, fits):
    """A point uniform in a box, drawn again until its distance from the origin `fits`."""

    def draw(carried):
        key_draw, key = jax.random.split(carried[0])
        low_, high_ = jnp.array(low), jnp.array(high)
        return key, jax.random.uniform(key_draw, (2,), minval=low_, maxval=high_)

    def misses(carried):
        return ~fits(jnp.hypot(*carried[1]))

    return jax.lax.while_loop(misses, draw, draw((key, None)))[1]


TASKS = {
    "InvertedDoublePendulum-v5": Task(
        "inverted_double_pendulum.xml",
        5,
        Balance(reset_noise_scale=0.1),
        _balancing,
        _cart_sees,
        _falls,
        gaussian,
    ),
    "InvertedPendulum-v5": Task("inverted_pendulum.xml", 2, Robot(), _staying, seen(0), _swings),
    "Pusher-v5": Task(
        "pusher_v5.xml",
        5,
        Push(gravity=0.0, reward_control_weight=0.1, reset_noise_scale=5e-3, max_steps=100),
        _pushing,
        _pusher_sees,
        start=_any_object,
    ),
    "Reacher-v5": Task(
        "reacher.xml",
        2,
        Reach(reset_noise_scale=0.1, max_steps=50),
        _reaching,
        _reacher_sees,
        start=_any_goal,
    ),
}
