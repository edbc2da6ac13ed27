"""One frame of the simulator: what `mjx.step` does, and MuJoCo where MJX 3.17 differs from it.

Two things differ. MJX does not align the friction of a capsule on a plane with the capsule where it
stands steeply, and its Runge-Kutta adds up angular velocities as if they shared a frame.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

RK4_STAGES = ((0.5, 1 / 6), (0.5, 1 / 3), (1.0, 1 / 3), (0.0, 1 / 6))
"""Of each stage, how far the next one lies and its weight in the sum (the classical tableau)."""


def frame(mjx: Any, model: Any, data: Any) -> Any:
    """One frame, by the model's integrator."""
    if model.opt.integrator == mjx.IntegratorType.RK4:
        return _runge_kutta(mjx, model, data)
    data = forward(mjx, model, data)
    if model.opt.integrator == mjx.IntegratorType.IMPLICITFAST:
        # its own factorisation would run beside the solver's; 0 * x is not folded, as x may be NaN
        after = data._impl.M + 0.0 * data.qacc.sum()
        return mjx.implicit(model, data.tree_replace({"_impl.M": after}))
    return mjx.euler(model, data)


def unforced(mjx: Any, model: Any, data: Any) -> Any:
    """All that positions and velocities alone decide, actuators included; nothing collides."""
    position = mjx.kinematics, mjx.com_pos, mjx.camlight, mjx.tendon, mjx.transmission
    velocity = mjx.sensor_pos, mjx.fwd_velocity, mjx.sensor_vel, mjx.fwd_actuation
    return _through(model, data, *position, *velocity)


def forward(mjx: Any, model: Any, data: Any) -> Any:
    """`mjx.forward`, with friction aligned as MuJoCo does."""

    def align(model, data):
        return _aligned(mjx, model, data)

    position = mjx.kinematics, mjx.com_pos, mjx.camlight, mjx.tendon
    inertia = mjx.crb, mjx.tendon_armature, mjx.factor_m
    contact = mjx.collision, align, mjx.make_constraint, mjx.transmission
    velocity = mjx.sensor_pos, mjx.fwd_velocity, mjx.sensor_vel
    force = mjx.fwd_actuation, mjx.fwd_acceleration
    data = _through(model, data, *position, *inertia, *contact, *velocity, *force)
    if not data._impl.efc_J.size:
        return data.replace(qacc=data.qacc_smooth)
    return _through(model, data, mjx.solve, mjx.sensor_acc)


def _through(model, data, *parts):
    for part in parts:
        data = part(model, data)
    return data


def _aligned(mjx: Any, model: Any, data: Any) -> Any:
    """Contacts [n] with the first tangent along the axis of a capsule that lies on a plane."""
    plane, capsule = mjx.GeomType.PLANE, mjx.GeomType.CAPSULE
    if not {int(plane), int(capsule)} <= set(model.geom_type.tolist()) or not data._impl.ncon:
        return data
    contact, kinds = data._impl.contact, jnp.asarray(model.geom_type)
    lies = (kinds[contact.geom[:, 0]] == plane) & (kinds[contact.geom[:, 1]] == capsule)
    normal, axis = contact.frame[:, 0], data.geom_xmat[contact.geom[:, 1]][:, :, 2]
    along = axis - normal * (normal * axis).sum(1, keepdims=True)
    length = jnp.sqrt(jnp.square(along).sum(1, keepdims=True))
    first = along / jnp.maximum(length, TINY)
    turned = jnp.stack([normal, first, jnp.cross(normal, first)], 1)
    chosen = lies & (length[:, 0] > TINY)
    frames = jnp.where(chosen[:, None, None], turned, contact.frame)
    return data.tree_replace({"_impl.contact.frame": frames})


TINY = 1e-6  # of an axis, the horizontal part that rounding alone can leave


def _runge_kutta(mjx: Any, model: Any, data: Any) -> Any:
    """MuJoCo 4's Runge-Kutta step of fourth order.

    Each stage's angular velocities are brought to the frame at the start before they are added up
    (Munthe-Kaas 1999, High order Runge-Kutta methods on manifolds). The stages are a loop, which is
    a quarter of the program to compile.
    """
    disabled = mjx.DisableBit(model.opt.disableflags | mjx.DisableBit.EULERDAMP)
    plain = model.replace(
        opt=model.opt.replace(integrator=mjx.IntegratorType.EULER, disableflags=disabled)
    )
    start, h, turning = data, model.opt.timestep, _turning(mjx, model)

    def moved(qvel, act_dot):
        """The starting state, moved for a time h with these rates."""
        still = jnp.zeros_like(qvel)
        return mjx.euler(plain, start.replace(qvel=qvel, qacc=still, act_dot=act_dot))

    def stage(carried, weights):
        data, gone, sums = carried
        ahead, weight = weights
        data = forward(mjx, model, data)
        qvel = _seen_from_start(data.qvel, gone, turning)
        rates = qvel, data.qacc, data.act_dot
        sums = jax.tree.map(lambda total, rate: total + weight * rate, sums, rates)
        qvel, qacc, act_dot = (ahead * rate for rate in rates)
        data = data.replace(
            qpos=moved(qvel, act_dot).qpos,
            qvel=start.qvel + h * qacc,
            act=start.act + h * act_dot,
            time=start.time + h * ahead,
        )
        return (data, h * qvel, sums), None

    zero = jax.tree.map(jnp.zeros_like, (data.qvel, data.qacc, data.act_dot))
    carried = data, zero[0], zero
    (data, _, (qvel, qacc, act_dot)), _ = jax.lax.scan(stage, carried, jnp.array(RK4_STAGES))
    end = moved(qvel, act_dot)
    return data.replace(
        qpos=end.qpos,
        qvel=start.qvel + h * qacc,
        act=end.act,
        time=end.time,
        qacc_warmstart=data.qacc,
    )


def _turning(mjx: Any, model: Any) -> np.ndarray:
    """The angular velocities [n, 3] of joints that turn freely, as indices into `qvel`."""
    free, ball = mjx.JointType.FREE, mjx.JointType.BALL
    kinds = zip(model.jnt_type, model.jnt_dofadr, strict=True)
    first = [dof + 3 * (kind == free) for kind, dof in kinds if kind in (free, ball)]
    return np.array(first, int)[:, None] + np.arange(3)


def _seen_from_start(qvel: Array, gone: Array, turning: np.ndarray) -> Array:
    """`qvel` with angular velocities in the frame from which `gone` [nv] led here."""
    if not turning.size:
        return qvel
    angle, speed = gone[turning], qvel[turning]
    across = jnp.cross(angle, speed)
    return qvel.at[turning].set(speed + across / 2 + jnp.cross(angle, across) / 12)
